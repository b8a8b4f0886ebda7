"""A user's folder: it wins, it is checked, it is fenced in, and it can never cost an answer."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from runback_hub.advice import AdviceRenderer, TemplateProblem
from runback_hub.advice.shipped import shipped_templates
from runback_hub.model.assessment import State
from tests.unit.advice.advice_cases import REASONS, advise, assessment, reason

LOGGER = "runback_hub.advice.renderer"
REST = assessment(State.REST, *REASONS)
BUILT_IN = AdviceRenderer()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "advice" / "en").mkdir(parents=True)
    return tmp_path


def _write(folder: Path, name: str, text: str, language: str = "en") -> Path:
    path = folder / "advice" / language / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_template_wins(folder: Path) -> None:
    _write(folder, "rest.text.j2", "Feet up. {{ reasons | first }}")
    advice = advise(AdviceRenderer(folder), REST)
    assert advice.text.startswith("Feet up. ")
    assert advice.items == advise(BUILT_IN, REST).items
    easy = assessment(State.EASY)
    assert advise(AdviceRenderer(folder), easy) == advise(BUILT_IN, easy)


def test_a_users_template_can_build_on_the_shipped_one(folder: Path) -> None:
    _write(folder, "rest.items.j2", '{% include "builtin/advice/en/rest.items.j2" %}\nTea helps.')
    advice = advise(AdviceRenderer(folder), REST)
    assert advice.items == (*advise(BUILT_IN, REST).items, "Tea helps.")


def test_a_users_partial_is_used_by_the_shipped_templates(folder: Path) -> None:
    _write(folder, "_training.j2", "Instead: dance.")
    assert "Instead: dance." in advise(AdviceRenderer(folder), REST).items


def test_a_users_catalogue_changes_single_texts(folder: Path) -> None:
    _write(folder, "catalogue.yaml", "titles:\n  rest: Feet up\nreasons:\n  limp: 'A limp (rule {{ rule }}).'\n")
    renderer = AdviceRenderer(folder)
    assert advise(renderer, REST).title == "Feet up"
    assert renderer.reason_text(reason("P2", "limp", State.REST), "en") == "A limp (rule P2)."
    sharp = reason("P2", "sharp_pain", State.REST)
    assert renderer.reason_text(sharp, "en") == BUILT_IN.reason_text(sharp, "en")


def test_templates_are_read_once(folder: Path) -> None:
    path = _write(folder, "rest.text.j2", "First.")
    renderer = AdviceRenderer(folder)
    path.write_text("Second.", encoding="utf-8")
    assert advise(renderer, REST).text == "First."


@pytest.mark.parametrize(
    ("name", "text", "line", "what"),
    [
        ("rest.text.j2", "fine\n{% if %}", 2, "Expected an expression"),
        ("rest.text.j2", "fine\n\n{{ paln.stage }}", 3, "'paln' is not known here"),
        ("rest.text.j2", "{{ state | no_such_filter }}", 1, "no_such_filter"),
        ("rset.text.j2", "hello", None, "nothing reads this template"),
        ("texts.yml", "titles: {}", None, "nothing reads this file"),
        ("_mine.j2", "{% for %}", 1, "Expected"),
        ("catalogue.yaml", "titles:\n  rest: [1, 2]\n", 2, "titles.rest must be one text"),
        ("catalogue.yaml", "titles:\n  rset: Hello\n", 2, "titles.rset is not a text of ours"),
        ("catalogue.yaml", "titles:\n  rest: ''\n", 2, "titles.rest is blank"),
        ("catalogue.yaml", "titles:\n  rest: a\n  rest: b\n", 3, "titles.rest is there twice"),
        ("catalogue.yaml", "titles:\n  rest: '{{ name'\n", 2, "titles.rest: "),
        ("catalogue.yaml", "titles:\n  rest: '{{ name }}'\n", 2, "titles.rest uses 'name', but only gets: nothing"),
        ("catalogue.yaml", "reasons:\n  limp: '{{ valu }}'\n", 2, "'valu', but only gets: limit, limit_number"),
        ("catalogue.yaml", "titles: [\n", 2, "this is not YAML"),
        ("catalogue.yaml", "- a\n- b\n", 1, "the file must hold pairs"),
        ("catalogue.yaml", "titles: hello\n", 1, "titles must hold pairs"),
        ("catalogue.yaml", "[1]: {a: b}\n", 1, "must be a plain word"),
        ("catalogue.yaml", "red_flag_questions:\n  lump: All well?\n", 2, "can not be changed"),
    ],
)
def test_a_broken_file_is_named_with_line_and_fault(
    folder: Path, name: str, text: str, line: int | None, what: str
) -> None:
    path = _write(folder, name, text)
    with pytest.raises(TemplateProblem) as caught:
        AdviceRenderer(folder)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert what in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", ["rest.text.j2", "catalogue.yaml"])
def test_a_file_that_is_not_text_is_named(folder: Path, name: str) -> None:
    path = folder / "advice" / "en" / name
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TemplateProblem, match="can not be read") as caught:
        AdviceRenderer(folder)
    assert caught.value.path == path


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateProblem, match="there is no such folder"):
        AdviceRenderer(tmp_path / "nowhere")


def test_a_folder_without_advice_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notification").mkdir()
    assert advise(AdviceRenderer(tmp_path), REST) == advise(BUILT_IN, REST)


@pytest.mark.parametrize(
    "text",
    [
        "{{ reasons[99] }}",
        "{{ plan.stage }}",
        "{{ state.nothing }}",
        "{{ 1 / 0 }}",
        "{{ state + 1 }}",
        '{% include "advice/en/nowhere.j2" %}',
        '{% include "advice/en/rest.text.j2" %}',
        "",
        " \n ",
        "{% if false %}never{% endif %}",
    ],
)
def test_a_template_that_fails_while_rendering_gives_way(
    folder: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    _write(folder, "rest.text.j2", text)
    renderer = AdviceRenderer(folder)
    with caplog.at_level(logging.WARNING, LOGGER):
        for _ in range(3):
            assert advise(renderer, REST) == advise(BUILT_IN, REST)
    assert len(caplog.records) == 1
    assert "template=en/rest.text.j2" in caplog.records[0].getMessage()


def test_the_warning_names_line_and_fault_but_no_words_of_the_person(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write(folder, "rest.text.j2", "a\nb\n{{ reasons[99] }}")
    _write(folder, "rest.items.j2", "a\n{{ reasons[0] % (1, 2) }}")
    with caplog.at_level(logging.WARNING, LOGGER):
        advise(AdviceRenderer(folder), assessment(State.REST, reason("P2", "limp", State.REST)))
    first, second = (record.getMessage() for record in caplog.records)
    assert "reason=line 3: tuple object has no element 99" in first
    assert "reason=line 2: TypeError" in second
    assert "limp" not in first + second


def test_a_broken_partial_gives_way_too(folder: Path) -> None:
    _write(folder, "_care.j2", "{{ 1 / 0 }}")
    assert advise(AdviceRenderer(folder), REST) == advise(BUILT_IN, REST)


@pytest.mark.parametrize(
    "text", ["'{{ value.x.y }}'", "'{{ value | default(1) / 0 }}'", "'{% if value %}x{% endif %}'"]
)
def test_a_broken_text_of_the_catalogue_gives_way(folder: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    _write(folder, "catalogue.yaml", f"reasons:\n  limp: {text}\n")
    renderer, limp = AdviceRenderer(folder), reason("P2", "limp", State.REST)
    with caplog.at_level(logging.WARNING, LOGGER):
        for _ in range(3):
            assert renderer.reason_text(limp, "en") == BUILT_IN.reason_text(limp, "en")
    assert len(caplog.records) == 1
    assert "catalogue.yaml, line 2" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("state", "country", "part"),
    [
        (State.EMERGENCY, None, "text"),
        (State.EMERGENCY, "US", "text"),
        (State.EMERGENCY, "GB", "items"),
        (State.URGENT, "GB", "text"),
        (State.URGENT, "GB", "items"),
    ],
)
def test_urgent_words_of_a_user_must_say_whom_to_call(
    folder: Path, state: State, country: str | None, part: str
) -> None:
    for text in ("Relax.", "", "{{ 1 / 0 }}", "{% if under_16 %}Call 000{% endif %}"):
        _write(folder, f"{state}.{part}.j2", text)
        assert advise(AdviceRenderer(folder), assessment(state), country=country) == advise(
            BUILT_IN, assessment(state), country=country
        )


def test_urgent_words_of_a_user_that_do_so_are_used(folder: Path) -> None:
    _write(folder, "emergency.text.j2", "Ring {{ emergency_number }}, go to St Mary's.")
    _write(folder, "urgent.text.j2", "Ring our doctor today.")
    renderer = AdviceRenderer(folder)
    assert advise(renderer, assessment(State.EMERGENCY)).text == "Ring 112, go to St Mary's."
    assert advise(renderer, assessment(State.URGENT)).text == "Ring our doctor today."


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ reasons.__class__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ dict.mro() }}",
    "{{ plan.__dict__ }}",
    "{{ (reasons | first).format.__globals__ }}",
    "{{ '{0.__class__.__mro__}'.format(state) }}",
    "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "{{ ['x'].append('y') }}",
    "{% set x = {} %}{{ x.update({1: 2}) }}",
    "{% for i in range(10000000000) %}{% endfor %}",
    "{% for i in range(100000) %}too long to print {% endfor %}",
    "{% macro loop() %}{{ loop() }}{% endmacro %}{{ loop() }}",
    '{% include "/etc/passwd" %}',
    '{% include "../../../../../../etc/passwd" %}',
    '{% import "os" as os %}{{ os }}',
]


@pytest.mark.parametrize("text", ESCAPES)
def test_a_hostile_template_reaches_nothing_and_the_answer_stands(
    folder: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    _write(folder, "rest.text.j2", text)
    renderer = AdviceRenderer(folder)
    with caplog.at_level(logging.WARNING, LOGGER):
        assert advise(renderer, REST) == advise(BUILT_IN, REST)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("text", ["{{ lipsum(n=1) }}", "{{ reasons | random }}"])
def test_nothing_random_is_on_offer(folder: Path, text: str) -> None:
    _write(folder, "rest.text.j2", text)
    with pytest.raises(TemplateProblem):
        AdviceRenderer(folder)


def test_a_path_that_climbs_is_refused(folder: Path) -> None:
    (folder / "secret.txt").write_text("hunter2", encoding="utf-8")
    _write(folder, "rest.text.j2", '{% include "advice/../secret.txt" %}')
    assert "hunter2" not in advise(AdviceRenderer(folder), REST).text


def _new_language(folder: Path) -> Path:
    target = folder / "advice" / "de"
    shutil.copytree(shipped_templates() / "advice" / "en", target)
    for path in target.glob("*.j2"):
        path.write_text(path.read_text("utf-8").replace("advice/en/", "advice/de/"), encoding="utf-8")
    catalogue = target / "catalogue.yaml"
    text = catalogue.read_text("utf-8").replace("rest: Rest from running", "rest: Pause vom Laufen")
    catalogue.write_text(text.replace('decimal_mark: "."', 'decimal_mark: ","'), encoding="utf-8")
    return target


def test_a_new_language_is_a_folder(folder: Path) -> None:
    _new_language(folder)
    renderer = AdviceRenderer(folder)
    assert renderer.languages == ("de", "en")
    german = advise(renderer, REST, language="de-AT", name="Alex")
    assert (german.language, german.title) == ("de", "Pause vom Laufen, Alex")
    assert "5,6 km" in advise(renderer, assessment(State.EASY), language="DE").text
    assert renderer.red_flag_questions("de") == renderer.red_flag_questions("en")
    assert advise(renderer, REST, language="fr").language == "en"


def test_a_new_language_that_breaks_answers_in_english_and_says_so(folder: Path) -> None:
    target = _new_language(folder)
    (target / "rest.text.j2").write_text("{{ 1 / 0 }}", encoding="utf-8")
    advice = advise(AdviceRenderer(folder), REST, language="de")
    assert (advice.language, advice.title) == ("en", "Rest from running")
    assert advice.text == advise(BUILT_IN, REST).text


@pytest.mark.parametrize("victim", ["catalogue.yaml", "urgent.items.j2"])
def test_a_new_language_must_be_complete(folder: Path, victim: str) -> None:
    target = _new_language(folder)
    (target / victim).unlink()
    with pytest.raises(TemplateProblem, match=r"missing") as caught:
        AdviceRenderer(folder)
    assert caught.value.path == target / victim


def test_one_missing_text_of_a_new_language_is_named(folder: Path) -> None:
    catalogue = _new_language(folder) / "catalogue.yaml"
    lines = catalogue.read_text("utf-8").splitlines(keepends=True)
    catalogue.write_text("".join(line for line in lines if not line.startswith("  limp:")), encoding="utf-8")
    with pytest.raises(TemplateProblem, match=r"reasons\.limp is missing"):
        AdviceRenderer(folder)


def test_a_folder_that_is_no_language_is_named(folder: Path) -> None:
    (folder / "advice" / "English texts").mkdir()
    with pytest.raises(TemplateProblem, match="named after a language"):
        AdviceRenderer(folder)


def test_hidden_folders_are_left_alone(folder: Path) -> None:
    (folder / "advice" / ".git").mkdir()
    assert AdviceRenderer(folder).languages == ("en",)
