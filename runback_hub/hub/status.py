"""The status payload (CONTRACT section 6), from an assessment and the words for its reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue, TypeAdapter

from ..model.assessment import Assessment
from .messages import Narrator

SCHEMA = "runback.status/1"
_ADAPTER: TypeAdapter[Assessment] = TypeAdapter(Assessment)
_HEAD = ("athlete", "assessed_at")


def status_fields(assessment: Assessment, version: int, narrator: Narrator) -> dict[str, JsonValue]:
    """The payload's fields in the order of the contract."""
    plain: dict[str, JsonValue] = _ADAPTER.dump_python(assessment, mode="json")
    fields: dict[str, JsonValue] = {"schema": SCHEMA}
    fields.update({name: plain.pop(name) for name in _HEAD})
    fields["version"] = version
    fields.update(plain)
    fields["reasons"] = [
        {
            "rule": reason.rule,
            "code": reason.code,
            "severity": reason.severity.value,
            "text": narrator.reason_text(reason, assessment.athlete),
            "value": reason.value,
            "limit": reason.limit,
            "unit": reason.unit,
            "evidence": reason.evidence,
            "input": reason.input,
        }
        for reason in assessment.reasons
    ]
    return fields


def to_json(fields: Mapping[str, JsonValue]) -> str:
    """Compact JSON, the same text for the same fields."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def status_schema() -> dict[str, JsonValue]:
    """JSON Schema of the assessment part of the payload."""
    schema: dict[str, JsonValue] = _ADAPTER.json_schema(mode="serialization")
    return schema
