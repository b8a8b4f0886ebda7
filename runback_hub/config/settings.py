"""Every key of the configuration, its default, and what it means (CONTRACT, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import platformdirs
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ..model.athlete import Experience, PainProfile, Profile, is_athlete_id
from ..mqtt.settings import Settings as BrokerSession
from ..mqtt.settings import TlsFiles, Version
from .problems import Where, refuse
from .secret_files import read_secret
from .values import (
    AthleteId,
    BirthYear,
    BrokerAddress,
    BrokerText,
    ClientId,
    FilePath,
    FormatName,
    Keep,
    Language,
    Listen,
    ListenAddress,
    NothingIsEmpty,
    NotifyAddress,
    PolicyValue,
    Port,
    Quiet,
    StoreChoice,
    StoreText,
    Text,
    TopicFilter,
    TopicPrefix,
    Zone,
)

APP_NAME = "runback-hub"
STORE_FILE_NAME = "runback.db"

_VERSIONS: Mapping[str, Version] = {"5": Version.MQTT_5, "5.0": Version.MQTT_5, "3.1.1": Version.MQTT_311}
_VERSION_VALUES: Mapping[Version, int | str] = {Version.MQTT_5: 5, Version.MQTT_311: "3.1.1"}


class Units(StrEnum):
    """How lengths are written for a person; payloads are always metric."""

    METRIC = "metric"
    IMPERIAL = "imperial"


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _read_version(value: object) -> object:
    if isinstance(value, Version):
        return value
    if isinstance(value, int | float | str) and not isinstance(value, bool) and str(value) in _VERSIONS:
        return _VERSIONS[str(value)]
    raise refuse(wrong="is not a version of MQTT", allowed="5 or 3.1.1")


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Section(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Defaults stand in the schema as a person writes them, not as the objects they become."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        optional = {
            name: field.get_default(call_default_factory=True, validated_data={})
            for name, field in cls.model_fields.items()
            if not field.is_required()
        }
        written = cls.model_construct(**optional).model_dump(mode="json", include=set(optional))
        for name, value in written.items():
            properties[name]["default"] = value
        return schema


class BrokerTls(Section):
    """Files for `mqtts://` and `wss://`, in PEM form."""

    ca_file: FilePath | None = None
    """Certificates of the authorities to trust; null trusts those of the system."""

    cert_file: FilePath | None = None
    """Our own certificate, where the broker asks for one."""

    key_file: FilePath | None = None
    """The key of `cert_file`; null where that file holds it too."""


class HomeAssistant(Section):
    """Entities in Home Assistant through MQTT discovery."""

    discovery: bool = True
    """Whether discovery messages are published."""

    discovery_prefix: TopicPrefix = "homeassistant"
    """The discovery prefix set in Home Assistant; its birth message is heard on `<discovery_prefix>/status`."""


class Web(Section):
    """Health, metrics and HTTP ingest."""

    listen: Listen | None = ListenAddress("127.0.0.1", 8099)
    """`host:port` to listen on, port 0 for a free one; null switches the server off."""

    token_file: FilePath | None = None
    """A file with the token that HTTP requests must bring; null asks for none."""


class Athlete(Section):
    """One person."""

    name: Text | None = None
    """What the person is called in messages; null takes the id."""

    timezone: Zone = ZoneInfo("UTC")
    """IANA name of the person's time zone: it decides what a day is."""

    language: Language = "en"
    """Language code of advice and notifications."""

    birth_year: BirthYear | None = None
    """Calendar year; null means adult."""

    experience: Experience = Experience.REGULAR
    """`beginner` for people who have run for less than about half a year."""

    pain_profile: PainProfile = PainProfile.SEED_STRICT
    """`seed_strict` stops at any new pain; `clinician_guided` is for people who work with a clinician."""

    notify: tuple[NotifyAddress, ...] = ()
    """Apprise addresses to notify. They may hold tokens and are never shown."""

    notify_file: FilePath | None = None
    """A file with further addresses, one per line."""

    quiet_hours: Quiet | None = None
    """Local time without notifications, `HH:MM-HH:MM`; emergencies pass through."""

    units: Units = Units.METRIC
    """Units of length in texts."""


class Source(Section):
    """A foreign topic whose messages are inputs of one athlete."""

    topic: TopicFilter
    """MQTT topic filter; `+` and `#` are allowed."""

    format: FormatName
    """Name of the input format the messages are in."""

    athlete: AthleteId
    """Whose inputs they are."""


class Settings(Section):
    """The whole configuration. `load_settings` makes one from files, environment and options."""

    broker: BrokerText = BrokerAddress()
    """`embedded` runs a broker on loopback; else the URL of one: `mqtt://user@host:1883`, `mqtts://`, `ws://`, `wss://`."""

    broker_password_file: FilePath | None = None
    """A file with the password for the user in `broker`."""

    broker_tls: Annotated[BrokerTls, NothingIsEmpty] = BrokerTls()
    """Certificates for an encrypted connection."""

    mqtt_version: Annotated[
        Version,
        BeforeValidator(_read_version),
        PlainSerializer(_VERSION_VALUES.__getitem__, when_used="json"),
        WithJsonSchema({"enum": [5, "3.1.1"]}),
    ] = Version.MQTT_5
    """Version of MQTT spoken with the broker, 5 or 3.1.1."""

    client_id: ClientId | None = None
    """MQTT client id, the same after every start; null makes one from the topic prefix."""

    embedded_port: Port | None = None
    """Port of the embedded broker; null takes 1883 if it is free, else a free one."""

    topic_prefix: TopicPrefix = "runback"
    """The beginning of all our topics."""

    store: StoreText = StoreChoice()
    """`default` keeps an SQLite file in `state_dir`; else the path of one, or `postgresql://...`."""

    state_dir: FilePath | None = None
    """Folder for the store and the embedded broker; null takes the user's data folder."""

    home_assistant: Annotated[HomeAssistant, NothingIsEmpty] = HomeAssistant()
    """Discovery in Home Assistant."""

    web: Web | None = Web()
    """The HTTP server; null switches it off."""

    templates: FilePath | None = None
    """A folder whose files win over the built-in templates."""

    athletes: Mapping[AthleteId, Annotated[Athlete, NothingIsEmpty]] | None = None
    """The people, by id; null accepts any valid id with the defaults."""

    sources: tuple[Source, ...] = ()
    """Foreign topics, each mapped to an input format and an athlete."""

    retention: Keep | None = None
    """How long inputs are kept, such as `5y`, `18mo` or `90d`; null keeps everything."""

    policy: Annotated[Mapping[str, PolicyValue], NothingIsEmpty] = Field(default_factory=dict)
    """Thresholds of the policy that differ from its published numbers; red flags can not be tuned."""

    allow_forget_over_mqtt: bool = False
    """Whether `hub/request/forget` may remove a person's data."""

    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = LogLevel.INFO
    """The least severity that is logged: debug, info, warning or error."""

    @property
    def mqtt_client_id(self) -> str:
        """The configured client id, or one that stays the same for the same topic prefix."""
        return self.client_id or f"{APP_NAME}-{self.topic_prefix.replace('/', '-')}"

    @property
    def state_folder(self) -> Path:
        """Where the store and the embedded broker keep their files; not created here."""
        return self.state_dir or Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))

    @property
    def store_file(self) -> Path | None:
        """The SQLite file; `None` where the store is no file."""
        if self.store.url is not None:
            return None
        return self.store.path or self.state_folder / STORE_FILE_NAME

    @property
    def web_listen(self) -> ListenAddress | None:
        """Where the HTTP server listens; `None` when it is off."""
        return None if self.web is None else self.web.listen

    def session(self, embedded: tuple[str, int] | None = None) -> BrokerSession:
        """The terms with the broker; `embedded` is the address of the running one of our own.

        `ConfigError` where the password file can not be read; `ValueError` without any address.
        """
        if self.broker.url is None and embedded is not None:
            host, port = embedded
            base = BrokerSession(host=host, port=port, client_id=self.mqtt_client_id)
        else:
            base = self.broker.session(client_id=self.mqtt_client_id)
            if self.broker_password_file is not None:
                password = read_secret(self.broker_password_file, ("broker_password_file",))
                base = replace(base, password=password.get_secret_value())
        files = self.broker_tls
        tls = TlsFiles(ca_file=files.ca_file, cert_file=files.cert_file, key_file=files.key_file)
        return replace(base, version=self.mqtt_version, tls=tls)

    def web_token(self) -> SecretStr | None:
        """The token for HTTP requests; `ConfigError` where its file can not be read."""
        if self.web is None or self.web.token_file is None:
            return None
        return read_secret(self.web.token_file, ("web", "token_file"))

    def notify_addresses(self, athlete: str) -> tuple[SecretStr, ...]:
        """Where to notify the person, from the list and the file; `ConfigError` where that can not be read."""
        person = self.athlete(athlete)
        if person is None or person.notify_file is None:
            return () if person is None else person.notify
        lines = read_secret(person.notify_file, ("athletes", athlete, "notify_file")).get_secret_value().splitlines()
        return (*person.notify, *(SecretStr(line.strip()) for line in lines if line.strip()))

    def secret_files(self) -> Mapping[Where, Path]:
        """Every file that holds a secret, by the key that names it."""
        files: dict[Where, Path | None] = {
            ("broker_password_file",): self.broker_password_file,
            ("web", "token_file"): self.web.token_file if self.web else None,
            **{("athletes", name, "notify_file"): one.notify_file for name, one in (self.athletes or {}).items()},
        }
        return {where: path for where, path in files.items() if path is not None}

    def athlete(self, athlete: str) -> Athlete | None:
        """The person; with no athletes configured any valid id has the defaults, else others are `None`."""
        if self.athletes is not None:
            return self.athletes.get(athlete)
        return Athlete() if is_athlete_id(athlete) else None

    def profile(self, athlete: str) -> Profile | None:
        """What the policy needs to know of the person; `None` for those we do not decide for."""
        person = self.athlete(athlete)
        if person is None:
            return None
        return Profile(
            athlete=athlete,
            zone=person.timezone,
            birth_year=person.birth_year,
            experience=person.experience,
            pain_profile=person.pain_profile,
        )


def masked(config: Settings) -> str:
    """The effective configuration as YAML that can be read again, with every secret masked."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
