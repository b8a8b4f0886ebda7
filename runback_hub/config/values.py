"""The values of single keys: text becomes a frozen typed value, or a refusal that names what is allowed."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator, SecretStr, Strict, WithJsonSchema

from ..model.athlete import is_athlete_id
from ..mqtt.settings import MAX_PORT, Scheme
from ..mqtt.settings import Settings as BrokerSession
from ..mqtt.topics import is_filter, is_prefix
from .problems import refuse, without_secret

Scalar: TypeAlias = bool | int | float | str

EMBEDDED = "embedded"
DEFAULT_STORE = "default"
MAX_TEXT_CHARS = 200
FIRST_BIRTH_YEAR = 1900
MONTHS_PER_YEAR = 12
MIN_RETENTION_DAYS = 90
"""The longest memory of the policy (an episode's and a return's) must stay whole."""

MAX_RETENTION_DAYS = 100 * 366
NOTIFY_FORM = "an address of Apprise such as ntfy://..."

_CLOCK_SPAN = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)")
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_RETENTION = re.compile(r"([1-9]\d{0,3})(y|mo|d)")
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_FORMAT = re.compile(r"[a-z][a-z0-9_]{0,62}")
_POSTGRES = ("postgresql://", "postgres://")

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A daily span of local time, over midnight where `end` is the earlier one."""

    start: time
    end: time

    def __contains__(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


class RetentionUnit(StrEnum):
    """Calendar units, as they are written after the count."""

    YEARS = "y"
    MONTHS = "mo"
    DAYS = "d"


_UNIT_DAYS = {RetentionUnit.YEARS: 365, RetentionUnit.MONTHS: 30, RetentionUnit.DAYS: 1}
"""Shortest lengths, rounded to what people mean by three months."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long inputs are kept."""

    count: int
    unit: RetentionUnit

    def cutoff(self, now: datetime) -> datetime:
        """The moment before which inputs may go; the last day of a month stays one where months differ."""
        if self.unit is RetentionUnit.DAYS:
            return now - timedelta(days=self.count)
        months = self.count * (MONTHS_PER_YEAR if self.unit is RetentionUnit.YEARS else 1)
        year, month = divmod(now.year * MONTHS_PER_YEAR + now.month - 1 - months, MONTHS_PER_YEAR)
        return now.replace(year=year, month=month + 1, day=min(now.day, monthrange(year, month + 1)[1]))

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


class StoreKind(StrEnum):
    """Where inputs are kept."""

    DEFAULT = "default"
    FILE = "file"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChoice:
    """The configured store: `path` is set for a file, `url` (it may hold a password) for PostgreSQL."""

    kind: StoreKind = StoreKind.DEFAULT
    path: Path | None = None
    url: SecretStr | None = None

    def __str__(self) -> str:
        if self.url is not None:
            return without_secret(self.url.get_secret_value())
        return self.kind if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """`embedded`, or the URL of a broker, which may hold a password."""

    url: SecretStr | None = None

    @property
    def scheme(self) -> Scheme | None:
        """How the broker is spoken to; `None` for the embedded one."""
        return None if self.url is None else Scheme(self.url.get_secret_value().partition("://")[0].lower())

    @property
    def holds_password(self) -> bool:
        """Whether the URL itself names a password."""
        return self.url is not None and self.session(client_id="").password is not None

    def session(self, *, client_id: str) -> BrokerSession:
        """The terms with the broker of the URL; `ValueError` for the embedded one, whose port is not known."""
        if self.url is None:
            message = "the embedded broker has no address before it runs"
            raise ValueError(message)
        return BrokerSession.from_url(self.url.get_secret_value(), client_id=client_id)

    def __str__(self) -> str:
        if self.url is None:
            return EMBEDDED
        session = self.session(client_id="")
        user = quote(session.username or "", safe="")
        login = f"{user}:***@" if session.password is not None else f"{user}@" if user else ""
        scheme, _, rest = session.address.partition("://")
        return f"{scheme}://{login}{rest}{session.path if session.scheme.websockets else ''}"


def _parsed(kind: type[Parsed], parse: Callable[[str], Parsed], wrong: str, allowed: str) -> PlainValidator:
    """A validator for what is written as text; `parse` raises for what it can not read."""

    def read(value: object) -> Parsed:
        if isinstance(value, kind):
            return value
        if isinstance(value, str) and value.isprintable():
            with suppress(ValueError, LookupError, OSError, RuntimeError):
                return parse(value)
        raise refuse(wrong=wrong, allowed=allowed)

    return PlainValidator(read)


def _checked(accepts: Callable[[str], object], wrong: str, allowed: str) -> AfterValidator:
    """A validator for text that stays text."""

    def check(value: str) -> str:
        if value.isprintable() and accepts(value):
            return value
        raise refuse(wrong=wrong, allowed=allowed)

    return AfterValidator(check)


def _whole_number(low: int, high: Callable[[], int]) -> BeforeValidator:
    """A validator for a whole number from `low` to `high()`; text, fractions and switches are none."""

    def check(value: object) -> object:
        if value is None or (type(value) is int and low <= value <= high()):
            return value
        raise refuse(wrong="is not a whole number in range", allowed=f"{low} to {high()}")

    return BeforeValidator(check)


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(pattern.pattern)
    return found


def _parse_listen(text: str) -> ListenAddress:
    host, port = _matched(_LISTEN, text).groups()
    if int(port) > MAX_PORT:
        raise ValueError(port)
    return ListenAddress(host.strip("[]"), int(port))


def _parse_quiet_hours(text: str) -> QuietHours:
    start, end = (time.fromisoformat(part) for part in _matched(_CLOCK_SPAN, text).groups())
    if start == end:
        raise ValueError(text)
    return QuietHours(start, end)


def _parse_retention(text: str) -> Retention:
    count, unit = _matched(_RETENTION, text).groups()
    kept = Retention(int(count), RetentionUnit(unit))
    if not MIN_RETENTION_DAYS <= kept.count * _UNIT_DAYS[kept.unit] <= MAX_RETENTION_DAYS:
        raise ValueError(text)
    return kept


def _parse_path(text: str) -> Path:
    if not text.strip():
        raise ValueError(text)
    return Path(text).expanduser()


def _parse_store(text: str) -> StoreChoice:
    if text == DEFAULT_STORE:
        return StoreChoice()
    if text.startswith(_POSTGRES):
        return StoreChoice(kind=StoreKind.POSTGRESQL, url=SecretStr(text))
    if "://" in text:
        raise ValueError(text)
    return StoreChoice(kind=StoreKind.FILE, path=_parse_path(text))


def _parse_broker(text: str) -> BrokerAddress:
    if text == EMBEDDED:
        return BrokerAddress()
    if any(letter.isspace() for letter in text):
        raise ValueError(EMBEDDED)
    address = BrokerAddress(SecretStr(text))
    address.session(client_id="")
    return address


def _parse_notify(text: str) -> SecretStr:
    if "://" not in text.strip("/"):
        raise ValueError(NOTIFY_FORM)
    return SecretStr(text)


def _is_client_id(text: str) -> bool:
    return 0 < len(text.encode()) <= MAX_TEXT_CHARS


def _is_short_text(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_TEXT_CHARS


def _check_scalar(value: object) -> Scalar:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value)):
        return value
    raise refuse(wrong="is not a single value", allowed="a number, a text, true or false")


def _shown_notify(address: SecretStr) -> str:
    return f"{address.get_secret_value().partition('://')[0]}://***"


def _empty_for_nothing(value: object) -> object:
    return {} if value is None else value


def _this_year() -> int:
    return datetime.now(UTC).year


def text_schema(example: str) -> WithJsonSchema:
    """The JSON Schema of a value that is written as text."""
    return WithJsonSchema({"type": "string", "examples": [example]})


AS_TEXT = PlainSerializer(str, when_used="json")

NothingIsEmpty = BeforeValidator(_empty_for_nothing)
"""A section whose keys are all left out reads as `null` in YAML and means the defaults."""

Text = Annotated[str, Strict(), _checked(_is_short_text, "is no usable text", f"1 to {MAX_TEXT_CHARS} characters")]
AthleteId = Annotated[
    str, Strict(), _checked(is_athlete_id, "is not an athlete id", "[a-z0-9][a-z0-9_-]{0,62}, and not hub")
]
FormatName = Annotated[
    str, Strict(), _checked(_FORMAT.fullmatch, "is not the name of a format", "a name such as garmin_connect")
]
Language = Annotated[
    str, Strict(), _checked(_LANGUAGE.fullmatch, "is not a language code", "a code such as en, de or pt-BR")
]
TopicPrefix = Annotated[
    str,
    Strict(),
    _checked(is_prefix, "can not begin a topic", "levels between single /, without + and #, not beginning with / or $"),
]
TopicFilter = Annotated[
    str,
    Strict(),
    _checked(is_filter, "is not an MQTT topic filter", "levels between /, + for a whole level, # for the last one"),
]
ClientId = Annotated[
    str, Strict(), _checked(_is_client_id, "is not a client id", f"1 to {MAX_TEXT_CHARS} bytes of printable text")
]
BirthYear = Annotated[
    int,
    _whole_number(FIRST_BIRTH_YEAR, _this_year),
    WithJsonSchema({"type": "integer", "minimum": FIRST_BIRTH_YEAR}),
]
Port = Annotated[
    int,
    _whole_number(1, lambda: MAX_PORT),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PORT}),
]
PolicyValue = Annotated[
    Scalar,
    PlainValidator(_check_scalar),
    WithJsonSchema({"type": ["boolean", "integer", "number", "string"]}),
]
FilePath = Annotated[
    Path, _parsed(Path, _parse_path, "is not a path", "the path of a file"), AS_TEXT, text_schema("/etc/runback/file")
]
Zone = Annotated[
    ZoneInfo,
    _parsed(ZoneInfo, ZoneInfo, "is not a time zone", "a name of the IANA database such as Europe/Berlin"),
    AS_TEXT,
    text_schema("Europe/Berlin"),
]
Listen = Annotated[
    ListenAddress,
    _parsed(ListenAddress, _parse_listen, "is not an address to listen on", "host:port such as 127.0.0.1:8099"),
    AS_TEXT,
    text_schema("127.0.0.1:8099"),
]
Quiet = Annotated[
    QuietHours,
    _parsed(QuietHours, _parse_quiet_hours, "is not a span of the day", 'HH:MM-HH:MM such as "21:30-07:00"'),
    AS_TEXT,
    text_schema("21:30-07:00"),
]
Keep = Annotated[
    Retention,
    _parsed(
        Retention,
        _parse_retention,
        "is not a time to keep inputs",
        f"years, months or days such as 5y, 18mo or 90d, at least {MIN_RETENTION_DAYS} days, or null",
    ),
    AS_TEXT,
    text_schema("5y"),
]
StoreText = Annotated[
    StoreChoice,
    _parsed(StoreChoice, _parse_store, "is not a store", "default, the path of a file, or postgresql://..."),
    AS_TEXT,
    text_schema("default"),
]
BrokerText = Annotated[
    BrokerAddress,
    _parsed(
        BrokerAddress,
        _parse_broker,
        "is not a broker",
        f"embedded, or {', '.join(f'{scheme}://' for scheme in Scheme)} with [user@]host[:port 1 to {MAX_PORT}]",
    ),
    AS_TEXT,
    text_schema("mqtt://user@host:1883"),
]
NotifyAddress = Annotated[
    SecretStr,
    _parsed(SecretStr, _parse_notify, "is not a notification address", NOTIFY_FORM),
    PlainSerializer(_shown_notify, when_used="json"),
    WithJsonSchema({"type": "string", "format": "password", "writeOnly": True}),
]
