"""The program as people call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runback_hub.activity_files import MadeRun, write_fit
from runback_hub.cli.root import COMMANDS
from runback_hub.mqtt.broker_kinds import Kind
from tests.brokers import mosquitto_path
from tests.examples_data import worked_examples
from tests.running_hub import REPOSITORY


def call(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `runback-hub` in `folder`, with nothing of this machine's configuration."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RUNBACK_")}
    homes = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
    return subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "runback_hub", *arguments],
        cwd=folder,
        env={**clean, **homes, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_demo_tells_the_whole_story(tmp_path: Path, kind: Kind) -> None:
    if kind is Kind.MOSQUITTO:
        mosquitto_path()
    done = call(tmp_path, "demo", "--broker", kind.value, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    for words in ("L1:", "P1:", "open question: red_flags", "open question: walk", "plan_advanced", "stage 7 of 10"):
        assert words in done.stdout, words
    assert "unreadable" in done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("runback-demo-*")) == []


def test_replay_prints_the_same_bytes_twice(tmp_path: Path) -> None:
    example = next(example for example in worked_examples() if example.number == 10)
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(example.lines), encoding="utf-8")
    arguments = ("replay", str(log), "--at", example.asked_at.isoformat(), "--json")
    first, second = call(tmp_path, *arguments), call(tmp_path, *arguments)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert json.loads(first.stdout)["state"] == "returning"


def test_replay_after_every_input(tmp_path: Path) -> None:
    example = next(example for example in worked_examples() if example.number == 5)
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(reversed(example.lines)), encoding="utf-8")
    done = call(tmp_path, "replay", str(log), "--every-input")
    states = [json.loads(line)["state"] for line in done.stdout.splitlines()]
    assert states == ["unknown"] * 5 + ["clear", "clear", "rest"]


def test_decode_prints_a_replayable_line(tmp_path: Path) -> None:
    made = MadeRun(started_at=datetime(2026, 3, 1, 7, tzinfo=UTC), duration_s=2700, distance_m=8000)
    file = tmp_path / "run.fit"
    file.write_bytes(write_fit(made))
    done = call(tmp_path, "decode", str(file))
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["type"], line["duration_s"]) == ("run", 2700)
    log = tmp_path / "log.jsonl"
    log.write_text(done.stdout, encoding="utf-8")
    assert call(tmp_path, "replay", str(log)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("decode", "nothing.fit"), 2, "nothing.fit"),
        (("replay", "nothing.jsonl"), 2, "nothing.jsonl"),
        (("pain", "11", "--athlete", "alex"), 2, "11"),
        (("pain", "1", "--athlete", "alex", "--symptom", "headache"), 2, "--symptom"),
        (("abacus",), 2, "abacus"),
        (("status", "--athlete", "alex"), 3, "runback-hub serve"),
        (("send", "run.json", "--athlete", "alex"), 3, "runback-hub serve"),
        (("export", "--athlete", "alex"), 4, "store"),
        (("check-config", "--config", "bad.yaml"), 2, "athletes.alex.timezone"),
        (("serve", "--config", "bad.yaml"), 2, "brokr"),
        (("schema", "abacus"), 2, "abacus"),
    ],
)
def test_errors_are_plain_lines(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "bad.yaml").write_text("brokr: embedded\nathletes: {alex: {timezone: Berlin}}\n", encoding="utf-8")
    run = {"type": "run", "started_at": "2026-03-01T07:00:00Z", "duration_s": 60}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    done = call(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.splitlines()), done.stderr
    assert "Traceback" not in done.stderr


def test_a_picture_is_no_activity(tmp_path: Path) -> None:
    (tmp_path / "picture.fit").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = call(tmp_path, "decode", "picture.fit")
    assert done.returncode == 1
    assert json.loads(done.stdout)["rejected"] == "unreadable"


def test_every_command_has_help(tmp_path: Path) -> None:
    for name in COMMANDS:
        done = call(tmp_path, name, "--help")
        assert (done.returncode, "--help" in done.stdout) == (0, True), name
    assert call(tmp_path, "--version").stdout.startswith("runback-hub")


def test_schemas_are_json(tmp_path: Path) -> None:
    for name in call(tmp_path, "schema").stdout.split():
        assert json.loads(call(tmp_path, "schema", name).stdout)["type"] == "object", name
