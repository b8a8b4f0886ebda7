"""Compares a published status with what a worked example says must hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from .examples_data import UNSAID, Expect


def check_status(status: Mapping[str, Any], expect: Expect) -> None:
    """Fail where `status` (the JSON payload) differs from `expect`."""
    assert status["state"] == expect.state
    rules = [reason["rule"] for reason in status["reasons"]]
    assert expect.rules <= set(rules), rules
    plain = ("rest", "run_ok_today", "max_distance_m", "max_duration_s", "max_rpe")
    for name in plain:
        wanted = getattr(expect, name)
        assert wanted is UNSAID or status[name] == wanted, name
    if expect.rules:
        first = next(reason for reason in status["reasons"] if reason["rule"] in expect.rules)
        assert expect.code is UNSAID or first["code"] == expect.code
        assert expect.value is UNSAID or _four(first["value"]) == expect.value
    if expect.spike_ratio is not UNSAID:
        assert _four(status["load"]["spike_ratio"]) == expect.spike_ratio
    if expect.review_at is not UNSAID:
        assert _moment(status["review_at"]) == expect.review_at
    if expect.episode_open is not UNSAID:
        assert status["episode"]["open"] == expect.episode_open
    plan = status["plan"] or {}
    for key, wanted in (
        ("stage", expect.stage),
        ("session", expect.session),
        ("sessions_needed", expect.sessions_needed),
    ):
        assert wanted is UNSAID or plan.get(key) == wanted, key
    if expect.to_leave_is_empty is not UNSAID:
        assert (not status["to_leave"]) == expect.to_leave_is_empty
    assert expect.missing <= set(status["missing"])


def _four(value: float | None) -> Fraction | None:
    return None if value is None else Fraction(str(value))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
