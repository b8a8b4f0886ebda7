"""The demo: a month of a made-up runner, sent to the real daemon through a real MQTT client."""
