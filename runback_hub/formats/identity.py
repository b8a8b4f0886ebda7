"""Which id an input has (CONTRACT, section 5): given, or derived so that the same input has the same id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from ..model.inputs import InputKind
from .base import Context
from .json_text import Json, dump_sorted
from .wire import WireInput

ID_CHARS = 32
NOT_CONTENT = frozenset({"type", "athlete"})
"""Named by the topic or by the log line, whichever brought the input."""
TIME_KEYS = ("at", "started_at")


def _digest(*parts: Json) -> str:
    return hashlib.sha256(dump_sorted(list(parts)).encode("ascii")).hexdigest()


def identify(kind: InputKind, wire: WireInput, keys: Mapping[str, Json], context: Context) -> tuple[str, str | None]:
    """The input's id, and its content key where neither an id nor a time was given."""
    if wire.event_id is not None:
        return wire.event_id, None
    if wire.source_id is not None:
        return _digest(context.athlete, kind, wire.source, wire.source_id)[:ID_CHARS], None
    content = dump_sorted({name: value for name, value in keys.items() if name not in NOT_CONTENT})
    if any(keys.get(name) is not None for name in TIME_KEYS):
        return _digest(context.athlete, kind, content)[:ID_CHARS], None
    arrival = context.salt or context.arrived_at.isoformat()
    return _digest(context.athlete, kind, content, arrival)[:ID_CHARS], _digest(context.athlete, kind, content)


def identify_withdrawal(
    target: str, at: datetime, keys: Mapping[str, Json], context: Context
) -> tuple[str, str | None]:
    """A withdrawal's own id comes from its target and its moment: what it names as `event_id` is the target."""
    own = _digest(context.athlete, InputKind.WITHDRAW, target, at.isoformat())[:ID_CHARS]
    if keys.get("at") is not None:
        return own, None
    return own, _digest(context.athlete, InputKind.WITHDRAW, target)
