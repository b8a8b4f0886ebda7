"""Prints messages so that a person can read them: the topic, and what stands in it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

WIDTH = 112
TOPIC_WIDTH = 26


def show_message(topic: str, payload: bytes, say: Callable[[str], None]) -> None:
    """One published message."""
    text = payload.decode("utf-8", "replace")
    kind = topic.rsplit("/", 1)[-1]
    try:
        fields = json.loads(text) if text.startswith("{") else None
    except ValueError:
        fields = None
    words = _READERS[kind](fields) if isinstance(fields, dict) and kind in _READERS else text or "(emptied)"
    lead = f"     <- {topic:{TOPIC_WIDTH}} "
    say(textwrap.fill(words, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)))


def _status(fields: dict[str, Any]) -> str:
    parts = [fields["state"]]
    if fields["max_distance_m"]:
        parts.append(f"at most {fields['max_distance_m']} m")
    plan = fields.get("plan")
    if plan:
        parts.append(f"stage {plan['stage']} of {plan['of']}: {plan['session']}")
    parts += [f"{reason['rule']}: {reason['text']}" for reason in fields["reasons"]]
    if fields["to_leave"]:
        parts.append(f"to leave rest: {', '.join(fields['to_leave'])}")
    return " | ".join(parts)


def _advice(fields: dict[str, Any]) -> str:
    return f"{fields['title']} - {fields['text']}"


def _event(fields: dict[str, Any]) -> str:
    more = f" ({fields['from']} -> {fields['to']})" if fields["type"] == "state_changed" else ""
    return f"{fields['type']}{more}"


def _checkin(fields: dict[str, Any]) -> str:
    return f"open question: {fields['kind']}"


def _rejected(fields: dict[str, Any]) -> str:
    return f"{fields['reason']}: {fields['detail']}"


_READERS = {"status": _status, "advice": _advice, "event": _event, "checkin": _checkin, "rejected": _rejected}
