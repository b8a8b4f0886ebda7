"""Plays the story: moves the daemon's clock, sends each step, and shows what comes back over MQTT."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..clock import ScriptedClock
from ..hub.service import Hub
from ..mqtt.client import MqttClient
from ..mqtt.messages import Incoming
from ..mqtt.topics import Topics
from .show import show_message
from .story import DAYS, story

ATHLETE = "alex"
HIDDEN = ("/hub/health", "/hub/availability")
ANSWER_S = 20.0


def story_begins(now: datetime) -> datetime:
    """The first midnight of the story, so that its last day is yesterday."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)


class Player:
    """Tells the story through one client."""

    def __init__(
        self, *, client: MqttClient, clock: ScriptedClock, hub: Hub, topics: Topics, say: Callable[[str], None]
    ) -> None:
        self._client = client
        self._clock = clock
        self._hub = hub
        self._topics = topics
        self._say = say
        self.answered = 0
        self.refused = 0

    async def play(self, first_day: datetime) -> None:
        """Every step of the story."""
        await self._client.subscribe(f"{self._topics.prefix}/{ATHLETE}/+")
        await self._client.subscribe(f"{self._topics.prefix}/hub/+")
        for step in story(first_day):
            await self._pass_time(first_day, step.at)
            day = (step.at - first_day).days + 1
            topic = self._topics.input(ATHLETE, step.door)
            self._say(f"\nday {day:2}, {step.at:%H:%M}  {step.says}")
            self._say(f"     -> {topic:26} {_size(step.payload, step.door)}")
            answer = await self._client.request(topic, step.payload, timeout_s=ANSWER_S)
            if json.loads(answer.payload)["ok"]:
                self.answered += 1
            else:
                self.refused += 1
            await self._show_arrived()

    async def _pass_time(self, first_day: datetime, until: datetime) -> None:
        """Let every review that is due before the next step happen, and show what it publishes."""
        while (due := await self._hub.next_review_at()) is not None and due <= until:
            self._say(f"\nday {(due - first_day).days + 1:2}, {due:%H:%M}  time passes, nobody sends anything")
            self._clock.move(due)
            self._show(await self._client.next_message(ANSWER_S))
            # Whatever the review said before stands in the client when the answer to a command comes.
            asked = json.dumps({"athlete": ATHLETE}).encode()
            await self._client.request(self._topics.request("status"), asked, timeout_s=ANSWER_S)
            await self._show_arrived()
        self._clock.move(until)

    async def _show_arrived(self) -> None:
        """What was published before the answer stands in the client already: the broker keeps the order."""
        async for message in self._client.messages(quiet_s=0.0):
            self._show(message)

    def _show(self, message: Incoming) -> None:
        if not message.topic.endswith(HIDDEN):
            show_message(message.topic, message.payload, self._say)


def _size(payload: bytes, door: str) -> str:
    if door in {"fit", "tcx", "gpx"}:
        return f"{len(payload)} bytes of {door.upper()}"
    return payload.decode()
