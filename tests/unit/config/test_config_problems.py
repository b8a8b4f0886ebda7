"""Every mistake has its line, all lines come at once, and none tells a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_hub.config import ConfigError, load_settings

SECRET = "hunter2"  # noqa: S105 - the made-up word these tests look for


def problems(text: str = "", environ: dict[str, str] | None = None, *, folder: Path) -> tuple[str, ...]:
    file = folder / "runback.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environ=environ or {}, policy_names={"easy_rpe"}, formats={"strava", "polar"})
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return caught.value.problems


SOURCE = "sources: [{topic: %s, format: strava, athlete: alex}]"

ONE_MISTAKE = [
    ("broker: 1883", "broker: is not a broker, given 1883, allowed embedded, or mqtt://"),
    ("broker: tcp://h", "broker: is not a broker, given 'tcp://h', allowed embedded"),
    ("broker: mqtt://", "broker: is not a broker, given 'mqtt://'"),
    ("broker: mqtt://h:0", "broker: is not a broker, given 'mqtt://h:0'"),
    ("broker: mqtt://h:70000", "broker: is not a broker, given 'mqtt://h:70000'"),
    ("broker: mqtt://h/path", "broker: is not a broker"),
    ("broker: 'mqtt://h h'", "broker: is not a broker"),
    ("broker: mqtt://[::1", "broker: is not a broker"),
    ("broker: {host: h}", "broker: is not a broker, given a mapping"),
    ("broker_tls: {ca_file: none.pem}", "broker_tls.ca_file: is not there, given"),
    ("broker_tls: {key_file: runback.yaml}", "broker_tls.key_file: has no use without cert_file"),
    ("broker_tls: {ca: x}", "broker_tls.ca: is not a known key, allowed ca_file, cert_file, key_file"),
    ("mqtt_version: 3.1", "mqtt_version: is not a version of MQTT, given 3.1, allowed 5 or 3.1.1"),
    ("mqtt_version: true", "mqtt_version: is not a version of MQTT, given true"),
    ("embedded_port: true", "embedded_port: is not a whole number in range, given true, allowed 1 to 65535"),
    ("embedded_port: 1883.0", "embedded_port: is not a whole number in range, given 1883.0"),
    ("embedded_port: '1883'", "embedded_port: is not a whole number in range, given '1883'"),
    ("client_id: ''", "client_id: is not a client id, given ''"),
    ("client_id: 42", "client_id: is not text, given 42, allowed text; put a number or a date in quotes"),
    ("topic_prefix: run/+", "topic_prefix: can not begin a topic, given 'run/+'"),
    ("topic_prefix: /run", "topic_prefix: can not begin a topic, given '/run'"),
    ("topic_prefix: run/", "topic_prefix: can not begin a topic"),
    ("topic_prefix: run//back", "topic_prefix: can not begin a topic"),
    ("topic_prefix: $SYS", "topic_prefix: can not begin a topic"),
    ("topic_prefix: homeassistant", "topic_prefix: is the discovery prefix of Home Assistant"),
    ("store: mysql://h/d", "store: is not a store, given 'mysql://h/d', allowed default, the path of a file"),
    ("store: ''", "store: is not a store, given ''"),
    ("state_dir: 5", "state_dir: is not a path, given 5"),
    ("home_assistant: {discovery: maybe}", "home_assistant.discovery: is not a switch, given 'maybe'"),
    ("home_assistant: on", "home_assistant: is not a mapping, given 'on', allowed keys with values"),
    ("home_assistant: {discovery_prefix: a/#}", "home_assistant.discovery_prefix: can not begin a topic"),
    ("web: {listen: 8099}", "web.listen: is not an address to listen on, given 8099, allowed host:port"),
    ("web: {listen: ':8099'}", "web.listen: is not an address to listen on"),
    ("web: {listen: 'h:65536'}", "web.listen: is not an address to listen on"),
    ("web: {token: x}", "web.token: is not a known key (did you mean token_file?), allowed listen, token_file"),
    ("web: {token_file: none}", "web.token_file: the file can not be read (No such file or directory)"),
    ("templates: none", "templates: is not there, given"),
    ("athletes: {}", "athletes: names nobody, allowed at least one athlete, or null"),
    ("athletes: [alex]", "athletes: is not a mapping, given a list"),
    ("athletes: {Alex: {}}", "athletes.Alex: is not an athlete id, given 'Alex', allowed [a-z0-9]"),
    ("athletes: {hub: {}}", "athletes.hub: is not an athlete id, given 'hub'"),
    ("athletes: {a: {timezone: Europe/Berln}}", "athletes.a.timezone: is not a time zone, given 'Europe/Berln'"),
    ("athletes: {a: {timezone: Europe}}", "athletes.a.timezone: is not a time zone"),
    ("athletes: {a: {timezone: ../etc}}", "athletes.a.timezone: is not a time zone"),
    ("athletes: {a: {timezone: +02:00}}", "athletes.a.timezone: is not a time zone"),
    ("athletes: {a: {timezone: ''}}", "athletes.a.timezone: is not a time zone"),
    ("athletes: {a: {language: English}}", "athletes.a.language: is not a language code, given 'English'"),
    ("athletes: {a: {birth_year: 88}}", "athletes.a.birth_year: is not a whole number in range, given 88"),
    ("athletes: {a: {birth_year: 2999}}", "athletes.a.birth_year: is not a whole number in range, given 2999"),
    ("athletes: {a: {experience: pro}}", "athletes.a.experience: is not one of the known words, given 'pro', allowed"),
    ("athletes: {a: {pain_profile: x}}", "athletes.a.pain_profile: is not one of the known words"),
    ("athletes: {a: {units: miles}}", "athletes.a.units: is not one of the known words, given 'miles', allowed metric"),
    ("athletes: {a: {name: 007}}", "athletes.a.name: is not text, given 7"),
    ("athletes: {a: {name: ' '}}", "athletes.a.name: is no usable text"),
    ("athletes: {a: {quiet_hours: 21:30}}", "athletes.a.quiet_hours: is not a span of the day, given '21:30'"),
    ("athletes: {a: {quiet_hours: 24:00-07:00}}", "athletes.a.quiet_hours: is not a span of the day"),
    ("athletes: {a: {quiet_hours: 07:00-07:00}}", "athletes.a.quiet_hours: is not a span of the day"),
    ("athletes: {a: {notify: ntfy://x}}", "athletes.a.notify: is not a list, allowed a list"),
    ("athletes: {a: {notify: [x]}}", "athletes.a.notify.0: is not a notification address, allowed an address"),
    ("athletes: {a: {notify_file: none}}", "athletes.a.notify_file: the file can not be read"),
    ("sources: {topic: x}", "sources: is not a list, given a mapping"),
    ("sources: [{topic: x, format: strava}]", "sources.0.athlete: is missing"),
    (SOURCE % "a/#/b", "sources.0.topic: is not an MQTT topic filter, given 'a/#/b'"),
    (SOURCE % "a+/b", "sources.0.topic: is not an MQTT topic filter"),
    (SOURCE % "''", "sources.0.topic: is not an MQTT topic filter"),
    (SOURCE % "'#'", "sources.0.topic: would take in the hub's own topics again, given '#'"),
    (SOURCE % "+/alex/#", "sources.0.topic: would take in the hub's own topics again"),
    (SOURCE % "+/+/status", "sources.0.topic: would take in the hub's own topics again"),
    (SOURCE % "$share/g/runback/hub/rejected", "sources.0.topic: would take in the hub's own topics again"),
    ("sources: [{topic: x, format: fax, athlete: a}]", "sources.0.format: is not a known format, given 'fax', allowed"),
    ("sources: [{topic: x, format: F/x, athlete: a}]", "sources.0.format: is not the name of a format, given 'F/x'"),
    ("athletes: {sam:}\n" + SOURCE % "x", "sources.0.athlete: is not one of the configured athletes, given 'alex'"),
    ("retention: 5w", "retention: is not a time to keep inputs, given '5w', allowed years, months or days such as 5y"),
    ("retention: 89d", "retention: is not a time to keep inputs, given '89d'"),
    ("retention: 9999y", "retention: is not a time to keep inputs"),
    ("retention: 5", "retention: is not a time to keep inputs, given 5"),
    ("policy: {emergency: 1}", "policy.emergency: is not a threshold that can be tuned, allowed easy_rpe"),
    ("policy: {easy_rpe: [1]}", "policy.easy_rpe: is not a single value, given a list"),
    ("allow_forget_over_mqtt: 7", "allow_forget_over_mqtt: is not a switch, given 7, allowed true or false"),
    (
        "log_level: loud",
        "log_level: is not one of the known words, given 'loud', allowed debug, info, warning or error",
    ),
    ("brokr: x", "brokr: is not a known key (did you mean broker?), allowed broker, broker_password_file"),
    ("<<: {broker: embedded}", "<<: is not a known key"),
]


@pytest.mark.parametrize(("text", "start"), ONE_MISTAKE, ids=[text[:40] for text, _ in ONE_MISTAKE])
def test_one_mistake_has_one_line(text: str, start: str, tmp_path: Path) -> None:
    found = problems(text, folder=tmp_path)
    assert len(found) == 1, found
    assert found[0].startswith(start)


RIGHT = [
    SOURCE % "+/garmin",
    SOURCE % "statestream/sensor/#",
    SOURCE % "$share/g/gym",
    "web: {listen: null}",
    "web: {listen: '0.0.0.0:0'}",
    "athletes: {no: {language: pt-BR}, on: , '1': }",
    "retention: 90d",
    "base: &x {language: de}\nathletes: {a: {language: de}}".partition("\n")[2],
    "athletes: {a: &x {language: de}, b: *x}",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_passes(text: str, tmp_path: Path) -> None:
    file = tmp_path / "runback.yaml"
    file.write_text(text)
    assert load_settings(file, environ={}, formats={"strava"}).topic_prefix == "runback"


def test_aliases_that_multiply_cost_nothing(tmp_path: Path) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 15))
    found = problems(f"a0: &a0 x\n{levels}", folder=tmp_path)
    assert [line.partition(":")[0] for line in found] == [f"a{n}" for n in range(15)]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = """
topic_prefix: /a
colour: red
athletes: {alex: {timezone: Mars, birth_year: 1}, sam: 5}
sources:
  - {topic: "a/#/b", format: strava, athlete: bob}
  - {topic: "x/#", format: strava, athlete: bob}
  - {topic: "x/#", format: fax, athlete: sam}
policy: {chest_pain: 5}
web: {token_file: none}
"""
    environ = {"RUNBACK_STORE": "[", "RUNBACK_LOG_LEVEL": "loud", "RUNBACK_COLOR__X": "1"}
    found = problems(text, environ, folder=tmp_path)
    assert sorted(line.partition(":")[0] for line in found) == sorted(
        [
            "athletes.alex.birth_year",
            "athletes.alex.timezone",
            "athletes.sam",
            "color",
            "colour",
            "log_level",
            "policy.chest_pain",
            "sources.0.topic",
            "sources.1.athlete",
            "sources.2.format",
            "store",
            "topic_prefix",
            "web.token_file",
        ]
    )
    assert any("given 'loud' in RUNBACK_LOG_LEVEL" in line for line in found)
    assert any("given in RUNBACK_STORE" in line for line in found)


def test_an_option_is_named_as_the_giver(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(folder=tmp_path, environ={}, options={"web": {"listen": "x"}})
    assert "given 'x' on the command line" in caught.value.problems[0]


UNREADABLE = [
    ("a: 1\na: 2", "line 2, column 1: a key is repeated"),
    ("athletes: {a: {}, a: {}}", "line 1, column 19: a key is repeated"),
    ('{"store": "x",\t"store": "y"}', "a key is repeated"),
    ("broker: !secret mqtt", "line 1, column 9: a tag (!...) is not supported"),
    ("broker: !!python/name:os.system", "a tag (!...) is not supported"),
    ("broker: [", "line 1, column 10: "),
    ("? [a]\n: b", "line 1, column 3: expected a plain text"),
    ("embedded_port: !!int x", "expected a whole number"),
    ("embedded_port: !!float x", "expected a number"),
    ("embedded_port: 1.0e999", "the number is too large"),
    ("web: !!bool x", "expected true or false"),
    ("web: !!map x", "expected a mapping"),
    ("sources: !!seq x", "expected a list"),
    ("web: &w {listen: *w}", "found unconstructable recursive node"),
    ("a: 1\n---\nb: 2", "but found another document"),
    ("store: \x07", "holds a character that YAML does not allow"),
    ('{"embedded_port": NaN}', "NaN and Infinity are not numbers here"),
    ("[" * 5000, "is nested too deeply"),
    ('{"a":' * 50000, "is nested too deeply"),
    (f"policy: {'[' * 100}{']' * 100}", "is nested too deeply"),
    (f'{{"policy": {"[" * 100}{"]" * 100}}}', "is nested too deeply"),
    ("- a", "is not a mapping of keys to values"),
    ("#" * 1024 * 1025, "is longer than"),
]


@pytest.mark.parametrize(("text", "part"), UNREADABLE, ids=[part for _, part in UNREADABLE])
def test_a_file_that_can_not_be_read_is_named(text: str, part: str, tmp_path: Path) -> None:
    (line,) = problems(text, folder=tmp_path)
    assert line.startswith(f"{tmp_path / 'runback.yaml'}: is not ")
    assert part in line


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"topic_prefix: \xe9"])
def test_a_file_that_is_not_text_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "runback.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is not UTF-8 text, allowed a YAML or JSON file"):
        load_settings(file, environ={})


def test_a_missing_file_that_was_asked_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: can not be read \(No such file or directory\)"):
        load_settings(tmp_path / "none.yaml", environ={})


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xff", b"x" * 70_000])
def test_a_secret_file_without_a_secret_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    (line,) = problems("web: {token_file: token}", folder=tmp_path)
    assert line.startswith("web.token_file: the file ")


def test_two_passwords_for_one_broker(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    (line,) = problems(f"broker: mqtt://u:{SECRET}@h\nbroker_password_file: password", folder=tmp_path)
    assert line == "broker_password_file: is a second password beside the one in broker, allowed one of the two"


HIDDEN = [
    f"broker: mqtt://u:{SECRET}@h:99999",
    f"broker: mqtt://u:{SECRET}@h h",
    f"broker: mqtt://u:{SECRET}/@{SECRET}@h:0",
    f"broker: mqtt://u:{SECRET}",
    f"broker: tcp://{SECRET}@h",
    f"broker: u:{SECRET}@h",
    f"broker: {SECRET}@h://x",
    f"mqtt://u:{SECRET}@h: x",
    f"store: mysql://u:{SECRET}@h/d",
    f"broker_password: {SECRET}",
    f"broker_password: *{SECRET}",
    f"broker_password: &{SECRET} x\nfoo: &{SECRET} y",
    f"web: {{token: {SECRET}}}",
    f"athletes: {{a: {{notify: [{SECRET}]}}}}",
    f"athletes: {{a: {{notify: {SECRET}}}}}",
    f"athletes: {{a: {{notify: {{x: {SECRET}}}}}}}",
    f"token: '{SECRET}",
    f'token: "{SECRET}\\q"',
    f'{{"broker": "mqtt://u:{SECRET}@h", }} x',
]


@pytest.mark.parametrize("text", HIDDEN)
def test_no_problem_tells_a_secret(text: str, tmp_path: Path) -> None:
    found = problems(text, folder=tmp_path)
    assert found
    assert SECRET not in "\n".join(found)


def test_a_key_named_like_the_validation_s_own_mark(tmp_path: Path) -> None:
    file = tmp_path / "runback.yaml"
    file.write_text('"[key]": 1\nathletes: {alex: {"[key]": 2}}\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environ={})
    assert len(caught.value.problems) == 2
