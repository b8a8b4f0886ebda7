"""Layers, their order, and the files they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from runback_hub.config import (
    ConfigError,
    ListenAddress,
    LogLevel,
    Settings,
    StoreKind,
    find_config_file,
    load_settings,
)
from runback_hub.model.athlete import Experience, PainProfile, Profile
from runback_hub.mqtt.settings import Scheme, Version

FULL = """
broker: mqtts://anna@broker.example:8884
broker_password_file: password
broker_tls: {ca_file: ca.pem, cert_file: null, key_file: null}
topic_prefix: home/runback
store: data/runs.db
home_assistant: {discovery: yes, discovery_prefix: ha}
web: {listen: "[::1]:9000", token_file: token}
templates: words
athletes:
  alex: {name: Alex, timezone: Europe/Berlin, language: no, birth_year: 1988, experience: beginner,
         pain_profile: clinician_guided, notify: ["ntfy://topic"], quiet_hours: 21:30-07:00, units: imperial}
  7:
sources:
  - {topic: "statestream/sensor/garmin_connect_last_activity/#", format: garmin_connect, athlete: alex}
retention: 18mo
policy: {easy_rpe: 3}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data-home"))
    work = tmp_path / "work"
    work.mkdir()
    return work


def load(folder: Path, environ: Mapping[str, str] | None = None, **options: object) -> Settings:
    return load_settings(folder=folder, environ=environ or {}, options=options)


def test_no_configuration_at_all(folder: Path, tmp_path: Path) -> None:
    settings = load(folder)
    assert settings.broker.url is None
    assert settings.topic_prefix == "runback"
    assert settings.mqtt_version is Version.MQTT_5
    assert settings.mqtt_client_id == "runback-hub-runback"
    assert settings.store.kind is StoreKind.DEFAULT
    assert settings.store_file == tmp_path / "data-home" / "runback-hub" / "runback.db"
    assert settings.web_listen == ListenAddress("127.0.0.1", 8099)
    assert settings.web_token() is None
    assert settings.home_assistant.discovery is True
    assert settings.log_level is LogLevel.INFO
    assert settings.allow_forget_over_mqtt is False
    assert (settings.retention, settings.athletes, settings.sources, dict(settings.policy)) == (None, None, (), {})


def test_every_key_of_a_file(folder: Path) -> None:
    (folder / "runback.yaml").write_text(FULL)
    (folder / "words").mkdir()
    (folder / "ca.pem").touch()
    (folder / "password").write_text("pa ss\n")
    (folder / "token").write_text("word\r\n")
    settings = load_settings(folder=folder, environ={}, policy_names={"easy_rpe"}, formats={"garmin_connect"})
    session = settings.session()
    assert (session.host, session.port, session.scheme) == ("broker.example", 8884, Scheme.MQTTS)
    assert (session.username, session.password, session.tls.ca_file) == ("anna", "pa ss", folder / "ca.pem")
    assert session.client_id == "runback-hub-home-runback"
    assert settings.store_file == folder / "data" / "runs.db"
    assert settings.web_listen == ListenAddress("::1", 9000)
    token = settings.web_token()
    assert token is not None
    assert token.get_secret_value() == "word"
    assert settings.templates == folder / "words"
    assert settings.home_assistant.discovery_prefix == "ha"
    assert settings.policy == {"easy_rpe": 3}
    assert settings.profile("alex") == Profile(
        athlete="alex",
        zone=ZoneInfo("Europe/Berlin"),
        birth_year=1988,
        experience=Experience.BEGINNER,
        pain_profile=PainProfile.CLINICIAN_GUIDED,
    )
    alex = settings.athlete("alex")
    assert alex is not None
    assert (alex.language, alex.units, str(alex.quiet_hours)) == ("no", "imperial", "21:30-07:00")
    assert [address.get_secret_value() for address in settings.notify_addresses("alex")] == ["ntfy://topic"]
    assert settings.profile("7") == Profile(athlete="7")
    assert settings.profile("sam") is None
    assert settings.notify_addresses("sam") == ()
    assert settings.retention is not None
    assert settings.retention.cutoff(datetime(2026, 8, 31, 12, tzinfo=UTC)) == datetime(2025, 2, 28, 12, tzinfo=UTC)


def test_without_athletes_any_valid_id_has_a_profile(folder: Path) -> None:
    settings = load(folder)
    assert settings.profile("anyone-7") == Profile(athlete="anyone-7")
    assert settings.profile("hub") is None
    assert settings.profile("No Body") is None


def test_stronger_layers_win_key_by_key(folder: Path) -> None:
    (folder / "runback.yaml").write_text("web: {listen: a:1}\nathletes: {alex: {timezone: Asia/Tokyo, language: de}}\n")
    environ = {
        "RUNBACK_ATHLETES__ALEX__TIMEZONE": "Europe/Berlin",
        "RUNBACK_ATHLETES__SAM": "",
        "RUNBACK_WEB__LISTEN": "b:2",
        "RUNBACK_TOPIC_PREFIX": "env",
        "RUNBACK_MQTT_VERSION": "3.1.1",
        "PATH": "/bin",
    }
    settings = load(folder, environ, web={"listen": "c:3"}, log_level="DEBUG")
    alex = settings.athlete("alex")
    assert alex is not None
    assert (str(alex.timezone), alex.language) == ("Europe/Berlin", "de")
    assert settings.profile("sam") == Profile(athlete="sam")
    assert str(settings.web_listen) == "c:3"
    assert settings.topic_prefix == "env"
    assert settings.mqtt_version is Version.MQTT_311
    assert settings.log_level is LogLevel.DEBUG


def test_the_environment_switches_the_web_off_and_an_inner_key_on_again(folder: Path) -> None:
    assert load(folder, {"RUNBACK_WEB": "null"}).web_listen is None
    settings = load(folder, {"RUNBACK_WEB": "null", "RUNBACK_WEB__LISTEN": "h:1"})
    assert str(settings.web_listen) == "h:1"


def test_which_file_is_read(folder: Path, tmp_path: Path) -> None:
    assert find_config_file(folder) is None
    user = tmp_path / "user" / "runback-hub" / "runback.yaml"
    user.parent.mkdir(parents=True)
    user.write_text("topic_prefix: user")
    assert find_config_file(folder) == user
    assert load(folder).topic_prefix == "user"
    (folder / "runback.yaml").write_text("client_id: work")
    settings = load(folder)
    assert (settings.client_id, settings.topic_prefix) == ("work", "runback")
    named = tmp_path / "other.json"
    named.write_text(json.dumps({"topic_prefix": "named/\u00e9"}, indent="\t"))
    assert load_settings(named, folder=folder, environ={}).topic_prefix == "named/é"


def test_relative_paths(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(tmp_path))
    (folder / "runback.yaml").write_text("state_dir: state\nstore: ~/runs.db\n")
    settings = load(folder)
    assert settings.state_folder == folder / "state"
    assert settings.store_file == tmp_path / "runs.db"
    assert load(folder, {"RUNBACK_STATE_DIR": "state"}).state_folder == Path("state")


def test_an_empty_file_and_empty_sections_are_the_defaults(folder: Path) -> None:
    file = folder / "runback.yaml"
    file.write_text("# nothing yet\n")
    defaults = load(folder)
    file.write_text("broker_tls:\nhome_assistant:\npolicy:\nathletes:\n")
    assert load(folder) == defaults


def test_notify_file_adds_addresses(folder: Path) -> None:
    (folder / "alex.txt").write_text("ntfy://two\n\n  ntfy://three \n")
    settings = load(folder, athletes={"alex": {"notify": ["ntfy://one"], "notify_file": str(folder / "alex.txt")}})
    found = [address.get_secret_value() for address in settings.notify_addresses("alex")]
    assert found == ["ntfy://one", "ntfy://two", "ntfy://three"]


def test_session_with_the_embedded_broker(folder: Path) -> None:
    settings = load(folder, {"RUNBACK_MQTT_VERSION": "3.1.1"})
    session = settings.session(("127.0.0.1", 18830))
    assert (session.host, session.port, session.version) == ("127.0.0.1", 18830, Version.MQTT_311)
    with pytest.raises(ValueError, match="embedded"):
        settings.session()


def test_settings_are_frozen(folder: Path) -> None:
    settings = load(folder)
    with pytest.raises(ValueError, match="frozen"):
        settings.topic_prefix = "other"  # type: ignore[misc]  # what a type checker refuses is tried here


def test_a_secret_that_vanishes_later_is_named(folder: Path) -> None:
    file = folder / "token"
    file.write_text("word")
    settings = load(folder, web={"token_file": str(file)})
    file.unlink()
    with pytest.raises(ConfigError) as caught:
        settings.web_token()
    assert caught.value.problems[0].startswith("web.token_file: the file can not be read (No such file or directory)")
