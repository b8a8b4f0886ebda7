"""EVIDENCE 7 as tests: what is said, in which order, and what never is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from runback_hub.advice import Advice, AdviceRenderer
from runback_hub.advice.shipped import shipped_templates
from runback_hub.model.assessment import Reason, State
from runback_hub.model.inputs import ALL_SYMPTOMS, OTHER_SYMPTOMS, RED_FLAG_SYMPTOMS
from tests.unit.advice.advice_cases import (
    MISSING,
    REASONS,
    TO_LEAVE,
    WALK_PLAN,
    advise,
    assessment,
    every_assessment,
    for_a_child,
    reason,
)

FORBIDDEN = re.compile(
    r"""\b(safe|safely|unsafe|clear(?:ed|ance)|prevent\w*|diagnos\w*|treat\w*|cur(?:e|es|ed|ing)|heal(?:s|ed)?
    |you\s+have|you've|you\s+are\s+injured|you\s+will|you'll|recovered|detrain\w*|risk\s+score|guarantee\w*
    |medicines?|medication|painkillers?|ibuprofen|nothing\s+to\s+worry|don't\s+worry|push\s+through
    |cauda|fracture|tumou?r|cancer|cleveland|clinic\s+says|nessel)\b""",
    re.IGNORECASE | re.VERBOSE,
)
ASKED_ABOUT_HISTORY = "cancer_history"
"""Its question can not be asked without the name."""


@pytest.fixture(scope="module")
def renderer() -> AdviceRenderer:
    return AdviceRenderer()


@pytest.fixture(scope="module")
def everything(renderer: AdviceRenderer) -> list[Advice]:
    return [
        advise(renderer, one, name="Alex", units=units, country=country)
        for one in every_assessment()
        for units, country in (("metric", None), ("imperial", "GB"), ("imperial", "US"))
    ]


def _lines(advice: Advice) -> list[str]:
    return [advice.title, advice.text, *advice.items, advice.footer]


def test_no_forbidden_word_in_any_shipped_file() -> None:
    files = [path for path in shipped_templates().glob("advice/**/*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        text = path.read_text(encoding="utf-8").replace("Did you ever have cancer?", "")
        text = text.replace(f"{ASKED_ABOUT_HISTORY}:", "")
        assert FORBIDDEN.search(text) is None, path


def test_no_forbidden_word_once_rendered(everything: list[Advice]) -> None:
    for advice in everything:
        for line in _lines(advice):
            assert FORBIDDEN.search(line) is None, line


@pytest.mark.parametrize("sample", ["You are Safe now", "you  have a hernia", "It prevents injury", "no diagnosis"])
def test_the_search_for_forbidden_words_finds_them(sample: str) -> None:
    assert FORBIDDEN.search(sample)


def test_no_symptom_is_named(renderer: AdviceRenderer, everything: list[Advice]) -> None:
    spelled = {name.replace("_", " ") for name in ALL_SYMPTOMS} | ALL_SYMPTOMS
    questions = {text for _, text in renderer.red_flag_questions("en")}
    words = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in spelled), re.IGNORECASE)
    said = [line for advice in everything for line in _lines(advice)]
    said += [renderer.reason_text(one, "en") for one in REASONS]
    said += [renderer.question(kind, "en") for kind in ("post_run", "next_morning", "red_flags", "walk")]
    for line in said:
        assert words.search(line) is None, line
        assert not any(question in line for question in questions), line


def test_every_text_fits_a_notification(everything: list[Advice]) -> None:
    for advice in everything:
        assert 0 < len(advice.text.split()) <= 60, advice.text


def test_every_line_is_one_tidy_line(everything: list[Advice]) -> None:
    for advice in everything:
        for line in _lines(advice):
            assert line == " ".join(line.split())
            assert line
            assert not re.search(r"None|Undefined|\{|\}| [.,;:]|\.\.|,,|\(\)", line), line


def test_no_line_is_said_twice(everything: list[Advice]) -> None:
    for advice in everything:
        assert len(set(advice.items)) == len(advice.items), advice.items


def test_one_footer_and_only_there(everything: list[Advice]) -> None:
    for advice in everything:
        for wanted in ("not medical advice", "not an emergency service", "adults", "clinician"):
            assert wanted in advice.footer
        assert not any("not medical advice" in line for line in (advice.title, advice.text, *advice.items))


def test_advice_carries_language_and_state(renderer: AdviceRenderer) -> None:
    for state in State:
        advice = advise(renderer, assessment(state))
        assert (advice.language, advice.state) == ("en", state)


@pytest.mark.parametrize("state", [s for s in State if s not in {State.URGENT, State.EMERGENCY}])
def test_missing_data_is_said_first(renderer: AdviceRenderer, state: State) -> None:
    advice = advise(renderer, assessment(state, missing=("sleep", "hrv", "steps", "srpe", "soreness")))
    assert advice.text.startswith("Not known: sleep, heart rate variability, steps and 2 more.")
    assert advice.items[0] == (
        "Not known: sleep, heart rate variability, steps, how hard your runs felt, muscle soreness."
    )


def test_green_says_what_was_found_and_that_nothing_was_missing(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, assessment(State.CLEAR))
    assert "No reason to hold back found in your data." in advice.text
    assert "No input was missing." in advice.text
    assert advice.title == "No reason to hold back found in your data"


def test_green_names_what_was_missing(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, assessment(State.CLEAR, missing=("hrv",)))
    assert advice.text.startswith("Not known: heart rate variability. No reason to hold back found in your data.")
    assert "No input was missing" not in advice.text


def test_what_was_seen_comes_before_the_suggestion_the_why_and_the_limits(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, assessment(State.EASY, reason("L1", "session_spike", State.EASY, 1.2125, 1.1, "ratio")))
    heads = [line.partition(":")[0] for line in advice.items]
    assert heads == [
        "Seen",
        "We suggest",
        "Why",
        "Limits",
        "In place of a run",
        "Strength",
        "When to see someone",
        "If something new or worrying starts",
    ]
    assert "a higher injury rate was seen" in " ".join(advice.items)


def test_every_reason_gets_its_own_line(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, assessment(State.REST, *REASONS))
    seen = {line.removeprefix("Seen: ") for line in advice.items if line.startswith("Seen: ")}
    assert seen == {renderer.reason_text(one, "en") for one in REASONS}


@pytest.mark.parametrize("one", REASONS, ids=lambda one: f"{one.rule}-{one.code}")
def test_every_code_has_a_text_with_and_without_numbers(renderer: AdviceRenderer, one: Reason) -> None:
    known = one.rule != "Z9"
    for form in (one, replace(one, value=None, limit=None, unit=None)):
        text = renderer.reason_text(form, "en")
        assert text.endswith(".")
        assert ("of the policy applies" in text) is not known
        assert len(text.split()) <= 20


def test_an_unknown_code_names_its_rule(renderer: AdviceRenderer) -> None:
    assert renderer.reason_text(REASONS[-1], "en") == "Rule Z9 of the policy applies today."


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (reason("L1", "session_spike", State.EASY, 1.2125, 1.1, "ratio"), "1.21 times"),
        (reason("L1", "session_spike", State.EASY, 1.2125, 1.1, "ratio"), "(limit 1.10 times)"),
        (reason("L1", "session_spike", State.EASY, 1.1003, 1.1, "ratio"), "1.1003 times"),
        (reason("L3", "time_off", State.EASY, 17.0, 14.0, "days"), "You took 17 days off running (limit 14 days)."),
        (reason("N1", "few_runs", State.UNKNOWN, 1.0, 4.0, "runs"), "1 run (needed: 4 runs)"),
        (reason("N1", "few_runs", State.UNKNOWN, 0.0, 4.0, "runs"), "0 runs (needed: 4 runs)"),
        (reason("N1", "short_history", State.UNKNOWN, 1.0, 14.0, "days"), "1 day (needed: 14 days)"),
        (reason("N2", "pain_answer_missing", State.UNKNOWN, 40.0, 36.0, "h"), "40 hours after your run"),
        (reason("W1", "sleep_short", State.EASY, 5.97, 6.0, "h"), "5.97 hours (limit 6 hours)"),
        (reason("W1", "soreness_high", State.EASY, 4.0, 4.0, "score_1_5"), "4 of 5 (limit 4 of 5)"),
        (reason("P1", "pain_in_run", State.REST, 3.0, None, "score"), "3 of 10"),
        (reason("R1", "graded_return", State.RETURNING, 5.0, 10.0, "stage"), "stage 5 of 10"),
        (reason("P4", "mild_pain", State.EASY, 2.0, None, "bananas"), "mild pain: 2."),
    ],
)
def test_numbers_have_units(renderer: AdviceRenderer, one: Reason, wanted: str) -> None:
    assert wanted in renderer.reason_text(one, "en")


@pytest.mark.parametrize(("units", "wanted"), [("metric", "8 km"), ("imperial", "5 mi")])
def test_a_reason_in_metres_follows_the_units(renderer: AdviceRenderer, units: str, wanted: str) -> None:
    one = reason("P4", "mild_pain", State.EASY, 8046.7, None, "m")
    assert wanted in renderer.reason_text(one, "en", units=units)


@pytest.mark.parametrize(("units", "wanted"), [("metric", "5.6 km"), ("imperial", "3.5 mi")])
def test_distances_follow_the_units(renderer: AdviceRenderer, units: str, wanted: str) -> None:
    advice = advise(renderer, assessment(State.EASY), units=units)
    assert wanted in advice.text
    assert any(wanted in line for line in advice.items)


def test_a_limit_that_runs_are_measured_against_is_never_rounded_up(renderer: AdviceRenderer) -> None:
    at_the_limit = replace(assessment(State.CLEAR), max_distance_m=10_670)
    assert "10.6 km" in advise(renderer, at_the_limit).text
    assert "6.6 mi" in advise(renderer, at_the_limit, units="imperial").text


def test_rest_is_from_running_and_walking_is_fine(renderer: AdviceRenderer) -> None:
    for state in (State.REST, State.SEE_PROVIDER):
        advice = advise(renderer, assessment(state, missing=MISSING))
        assert "rest from running" in advice.text
        assert "Walking is fine if comfortable" in advice.text


def test_rest_says_every_step_that_is_left(renderer: AdviceRenderer) -> None:
    steps = [line for line in advise(renderer, assessment(State.REST)).items if line.startswith("Next step: ")]
    assert len(steps) == len(TO_LEAVE)
    assert "Next step: report how it feels today." in steps


def test_returning_says_the_session_or_the_pause(renderer: AdviceRenderer) -> None:
    ready = assessment(State.RETURNING)
    assert "4 x (2.5 min walk, 2.5 min jog)" in advise(renderer, ready).text
    waiting = advise(renderer, replace(ready, rest=True))
    assert "4 x" not in waiting.text
    assert "Rest from running today." in waiting.text
    walk = advise(renderer, replace(ready, rest=True, plan=WALK_PLAN))
    assert "30 min brisk walk" in walk.text
    assert any(line.startswith("Your plan: stage 5 of 10") and "1 of 2" in line for line in waiting.items)


def test_some_flags_want_days_and_some_an_appointment(renderer: AdviceRenderer) -> None:
    soon = advise(renderer, assessment(State.SEE_PROVIDER, reason("C1", "sport_symptom", State.SEE_PROVIDER)))
    routine = advise(renderer, assessment(State.SEE_PROVIDER, reason("C2", "pain_not_falling", State.SEE_PROVIDER)))
    assert "sports clinician within days. Please stop running" in soon.text
    assert "book a physiotherapist or doctor" in routine.text


def test_exercise_is_offered_where_no_professional_is_waited_for(renderer: AdviceRenderer) -> None:
    for state in State:
        lines = " ".join(advise(renderer, assessment(state)).items)
        offered = state.strength <= State.REST.strength
        assert ("swimming" in lines) is offered
        assert ("side plank and bird dog" in lines) is offered
        assert ("hip, knee and ankle" in lines) is offered


def test_cross_training_can_be_switched_off_one_by_one(renderer: AdviceRenderer) -> None:
    def offered(*names: str) -> str:
        advice = renderer.render(
            assessment(State.REST),
            name=None,
            language="en",
            units="metric",
            locale_country=None,
            cross_training=names,
        )
        return " ".join(line for line in advice.items if line.startswith("In place of a run"))

    assert "walking, swimming or cycling, as" in offered("walking", "swimming", "cycling")
    assert "consider walking, as" in offered("walking")
    assert offered() == ""


def test_an_override_is_said(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, replace(assessment(State.CLEAR), overridden=("L1", "W1")))
    assert "You set softer advice aside for today." in advice.text
    assert "Set aside by you for today: softer advice (L1, W1)." in advice.items


@pytest.mark.parametrize(
    ("country", "number", "guess"),
    [
        (None, "112", True),
        ("", "112", True),
        ("DE", "112", True),
        ("US", "911", False),
        ("ca", "911", False),
        ("GB", "999", False),
        ("uk", "999", False),
    ],
)
def test_an_emergency_names_action_and_place_first(
    renderer: AdviceRenderer, country: str | None, number: str, *, guess: bool
) -> None:
    advice = advise(renderer, assessment(State.EMERGENCY, *REASONS, missing=MISSING), name="Alex", country=country)
    assert advice.title == "Get emergency help now, Alex"
    assert advice.text.startswith(f"Call {number} ")
    assert advice.items[0].startswith(f"Now: call {number}")
    assert ("or your local emergency number" in advice.text) is guess
    others = {"112", "911", "999"} - {number}
    assert not any(other in line for other in others for line in _lines(advice))


def test_urgent_names_action_and_place_first(renderer: AdviceRenderer) -> None:
    urgent = assessment(State.URGENT, *REASONS, missing=MISSING)
    british, other = advise(renderer, urgent, country="GB"), advise(renderer, urgent, country="US")
    assert british.text.startswith("Call NHS 111 or your GP practice today")
    assert other.text.startswith("Ask a doctor or an urgent care clinic for medical advice today")
    assert "111" not in " ".join(_lines(other))
    assert "call 911" in other.text


@pytest.mark.parametrize("state", [State.URGENT, State.EMERGENCY])
def test_urgent_lines_do_not_say_what_was_reported(renderer: AdviceRenderer, state: State) -> None:
    with_reasons = advise(renderer, assessment(state, *REASONS, missing=MISSING))
    assert with_reasons == advise(renderer, assessment(state))


def test_under_16_in_pain_nothing_else_is_said(renderer: AdviceRenderer) -> None:
    child = for_a_child(
        assessment(State.SEE_PROVIDER, reason("C1", "minor_with_pain", State.SEE_PROVIDER), missing=MISSING)
    )
    advice = advise(renderer, child)
    assert advice.title == "Tell a parent or carer"
    assert advice.text == "Tell a parent or carer and see a professional."
    assert advice.items == ()


@pytest.mark.parametrize("state", [s for s in State if s not in {State.URGENT, State.EMERGENCY}])
def test_under_16_no_state_gives_advice_on_running(renderer: AdviceRenderer, state: State) -> None:
    advice = advise(renderer, for_a_child(assessment(state, *REASONS, missing=MISSING)))
    assert "tell a parent or carer and see a professional." in advice.text.lower()
    assert advice.items == ()


@pytest.mark.parametrize("state", [State.URGENT, State.EMERGENCY])
def test_under_16_urgent_help_is_the_same_and_a_parent_is_told(renderer: AdviceRenderer, state: State) -> None:
    adult, child = advise(renderer, assessment(state)), advise(renderer, for_a_child(assessment(state)))
    assert child.text == f"{adult.text} Tell a parent or carer at once."
    assert child.items == adult.items


def test_at_16_and_17_the_ordinary_referral_is_given(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, assessment(State.SEE_PROVIDER, reason("C1", "minor_with_pain", State.SEE_PROVIDER)))
    assert "stop running and book a visit" in advice.text
    assert "parent" not in advice.text


def test_the_name_is_one_line_and_never_a_template(renderer: AdviceRenderer) -> None:
    advice = advise(renderer, assessment(State.REST), name="  {{ 7*7 }}\n<b>Jo</b> ")
    assert advice.title == "Rest from running, {{ 7*7 }} <b>Jo</b>"


@pytest.mark.parametrize("language", ["xx", "", "../../etc", "EN", "en-GB", "en_US", "tlh-Latn"])
def test_every_language_gets_an_answer_and_says_which(renderer: AdviceRenderer, language: str) -> None:
    assert advise(renderer, assessment(State.REST), language=language).language == "en"
    assert renderer.question("walk", language) == renderer.question("walk", "en")


def test_check_in_questions(renderer: AdviceRenderer) -> None:
    assert renderer.question("post_run", "en").startswith("How is your back")
    assert "0" in renderer.question("next_morning", "en")
    assert "10" in renderer.question("next_morning", "en")
    assert "30 minutes" in renderer.question("walk", "en")
    assert "form" in renderer.question("red_flags", "en")
    with pytest.raises(ValueError, match="no such check-in: 'nonsense'"):
        renderer.question("nonsense", "en")


def test_one_plain_question_for_each_red_flag(renderer: AdviceRenderer) -> None:
    questions = renderer.red_flag_questions("en")
    assert {name for name, _ in questions} == RED_FLAG_SYMPTOMS
    assert len(questions) == len(RED_FLAG_SYMPTOMS)
    assert not {name for name, _ in questions} & OTHER_SYMPTOMS
    assert all(text.endswith("?") and text.count("?") == 1 for _, text in questions)


def test_the_catalogue_has_a_text_for_every_name() -> None:
    path: Path = shipped_templates() / "advice" / "en" / "catalogue.yaml"
    catalogue = yaml.safe_load(path.read_text(encoding="utf-8"))
    rules = {one.rule for one in REASONS} - {"Z9"}
    assert {one.code for one in REASONS if one.rule != "Z9"} | {"other"} == catalogue["reasons"].keys()
    assert {*MISSING, "other"} == catalogue["missing"].keys()
    assert {*TO_LEAVE, "other"} == catalogue["to_leave"].keys()
    assert rules == catalogue["why"].keys()
    assert rules == catalogue["limits"].keys()
    assert {*(state.value for state in State), "under_16", "under_16_no_pain"} == catalogue["titles"].keys()
    assert {"post_run", "next_morning", "red_flags", "walk"} == catalogue["questions"].keys()
    assert {"walking", "swimming", "elliptical", "cycling"} == catalogue["cross_training"].keys()


def test_the_same_assessment_gives_the_same_words() -> None:
    one = assessment(State.REST, *REASONS, missing=MISSING)
    assert advise(AdviceRenderer(), one) == advise(AdviceRenderer(), one)
