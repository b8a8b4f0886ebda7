"""Whom to call, by country (EVIDENCE 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DEFAULT_EMERGENCY_NUMBER = "112"
_ALIASES: Mapping[str, str] = MappingProxyType({"UK": "GB"})
_EMERGENCY: Mapping[str, str] = MappingProxyType({"US": "911", "CA": "911", "GB": "999"})
_URGENT: Mapping[str, str] = MappingProxyType({"GB": "111"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Helplines:
    """Numbers for one country. `number_known` is false where 112 is only the best guess."""

    country: str | None
    emergency_number: str
    number_known: bool
    urgent_number: str | None


def helplines(country: str | None) -> Helplines:
    """Numbers for an ISO 3166 code in any case; 112 where the country is not listed or not known."""
    code = country.strip().upper() if country else ""
    code = _ALIASES.get(code, code)
    return Helplines(
        country=code or None,
        emergency_number=_EMERGENCY.get(code, DEFAULT_EMERGENCY_NUMBER),
        number_known=code in _EMERGENCY,
        urgent_number=_URGENT.get(code),
    )
