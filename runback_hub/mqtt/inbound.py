"""From messages of the broker to deliveries and commands for the hub."""

from __future__ import annotations

from datetime import datetime

from ..hub.messages import Delivery, ReplyTo, Request
from .messages import Incoming
from .topics import BadAthleteTopic, InputTopic, RequestTopic, Topics


def interpret(message: Incoming, topics: Topics, arrived_at: datetime) -> Delivery | Request:
    """What a message asks of the hub. A topic that means nothing becomes a refused delivery: nothing is lost."""
    reply_to = None
    if message.response_topic:
        reply_to = ReplyTo(topic=message.response_topic, correlation=message.correlation)
    match topics.parse(message.topic):
        case RequestTopic(verb):
            return Request(verb=verb, payload=message.payload, arrived_at=arrived_at, reply_to=reply_to)
        case InputTopic(athlete, kind):
            door, refused = kind, None
        case BadAthleteTopic(athlete, kind) as bad:
            door, refused = kind, bad.detail
        case _:
            athlete, door, refused = "", "", "topic: not one that this hub reads"
    return Delivery(
        topic=message.topic,
        door=door,
        athlete=athlete,
        payload=message.payload,
        arrived_at=arrived_at,
        retained=message.retain,
        reply_to=reply_to,
        refused=refused,
    )
