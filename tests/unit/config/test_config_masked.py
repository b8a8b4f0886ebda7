"""The effective configuration: it can be read again, and it keeps its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_hub.config import Settings, load_settings, masked

SECRET = "hunter2"  # noqa: S105 - the made-up word these tests look for


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "token").write_text(SECRET)
    return load_settings(
        folder=tmp_path,
        environ={
            "RUNBACK_BROKER": f"wss://a%40b:{SECRET}@[::1]:8084/mqtt",
            "RUNBACK_STORE": f"postgresql://u:{SECRET}@h/d",
            "RUNBACK_WEB__TOKEN_FILE": str(tmp_path / "token"),
            "RUNBACK_ATHLETES": f"{{no: {{name: 'no', notify: ['ntfy://{SECRET}'], quiet_hours: 21:30-07:00}}}}",
            "RUNBACK_MQTT_VERSION": "3.1.1",
            "RUNBACK_RETENTION": "18mo",
        },
    )


def test_masked_shows_everything_but_secrets(settings: Settings) -> None:
    text = masked(settings)
    assert SECRET not in text
    for line in (
        "broker: wss://a%40b:***@[::1]:8084/mqtt",
        "store: postgresql://***@h/d",
        "mqtt_version: 3.1.1",
        "    - ntfy://***",
        "    quiet_hours: 21:30-07:00",
        "retention: 18mo",
    ):
        assert line in text.splitlines()
    assert [line.partition(":")[0] for line in text.splitlines() if line[0] not in " -"] == list(Settings.model_fields)


def test_masked_can_be_read_again(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "again.yaml"
    file.write_text(masked(settings))
    assert masked(load_settings(file, environ={})) == masked(settings)


def test_no_repr_tells_a_secret(settings: Settings) -> None:
    for shown in (repr(settings), str(settings), f"{settings.web_token()!r}", repr(settings.session())):
        assert SECRET not in shown


def test_every_key_has_its_line_in_the_schema() -> None:
    schema = Settings.model_json_schema()
    sections = {"Settings": schema, **schema["$defs"]}
    undocumented = [
        f"{name}.{key}"
        for name, section in sections.items()
        for key, found in section.get("properties", {}).items()
        if "description" not in found and "$ref" not in found
    ]
    assert undocumented == []
    assert schema["additionalProperties"] is False
    assert schema["properties"]["mqtt_version"]["enum"] == [5, "3.1.1"]
    defaults = {key: found.get("default") for key, found in schema["properties"].items()}
    assert (defaults["broker"], defaults["store"], defaults["mqtt_version"]) == ("embedded", "default", 5)
    assert defaults["web"] == {"listen": "127.0.0.1:8099", "token_file": None}
