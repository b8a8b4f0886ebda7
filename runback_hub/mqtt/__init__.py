"""The MQTT door: topics, the session with the broker, a client for commands, and the embedded broker."""
