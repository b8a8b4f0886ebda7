"""The policy, read literally and slowly: every instant in turn, every list looked through afresh.

Lines marked `READING` quote a sentence that admits two readings and say which was taken. `R2` and
`no_recent_baseline` are reported as flags of the result, not among its `(rule, state)` pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from runback_hub.model.athlete import Profile
from runback_hub.model.inputs import ConfirmationKind, Input

from .ladder import stage_total_ms
from .load import longest_m, ratio
from .prepare import Facts, Run, prepare
from .simulation import Simulation
from .wellness import too_little_recovery

HOUR = timedelta(hours=1)

STRENGTH = ("clear", "unknown", "easy", "returning", "rest", "see_provider", "urgent", "emergency")
STOPPED = frozenset({"rest", "see_provider", "urgent", "emergency"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleResult:
    """What the two implementations must agree on."""

    state: str
    rest: bool
    run_ok_today: bool
    max_distance_m: int | None
    max_duration_s: int | None
    max_rpe: int | None
    stage: int | None
    sessions_done: int | None
    sessions_needed: int | None
    reasons: frozenset[tuple[str, str]]
    no_recent_baseline: bool
    ladder_exceeded: bool
    to_leave: tuple[str, ...]
    missing_red_flag_questions: bool
    episode_open: bool
    episode_since: datetime | None
    spike_ratio: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    max_distance_m: int | None
    max_duration_s: int | None
    max_rpe: int | None


def assess(profile: Profile, inputs: Sequence[Input], now: datetime) -> OracleResult:
    """The policy's answer for one athlete at `now`; later inputs are ignored, their order never matters."""
    facts = prepare(inputs, now)
    simulation = Simulation(profile, facts, now)
    simulation.run()
    return _Verdict(profile, facts, simulation, now).result()


class _Verdict:
    """The state at one moment, once the simulation has arrived there."""

    def __init__(self, profile: Profile, facts: Facts, simulation: Simulation, now: datetime) -> None:
        self.profile = profile
        self.facts = facts
        self.sim = simulation
        self.now = now
        self.latest_run = facts.runs[-1] if facts.runs else None

    def result(self) -> OracleResult:
        overridden = self._override_holds()
        reasons = self._reasons()
        ladder = self.sim.ladder
        if overridden:
            reasons = {pair for pair in reasons if pair[0] not in {"L1", "L2", "L3", "W1", "N1", "N2"}}
            # READING: a ladder that is hidden shows no plan, no `ladder_exceeded` and no second reason.
            if ladder is not None and ladder.rule in {"L3", "N1"}:
                ladder = None
        state = max((pair[1] for pair in reasons), key=STRENGTH.index, default="clear")
        age = self.sim.age_at(self.now)
        under_16 = age is not None and age < 16
        rest = state in STOPPED or (state == "returning" and not self._session_may_start())
        limits = self._limits(state, reasons)
        if under_16:
            limits = _Limits(max_distance_m=None, max_duration_s=None, max_rpe=None)
        # READING: the plan is shown whenever the person stands on a ladder, also under a stronger state.
        shown = None if under_16 else ladder
        to_leave = self._to_leave() if state == "rest" else ()
        episode = self.sim.episode
        return OracleResult(
            state=state,
            rest=rest,
            run_ok_today=not rest,
            max_distance_m=limits.max_distance_m,
            max_duration_s=limits.max_duration_s,
            max_rpe=limits.max_rpe,
            stage=None if shown is None else shown.stage,
            sessions_done=None if shown is None else shown.sessions_done,
            sessions_needed=None if shown is None else self.sim.sessions_needed(shown, self.now),
            reasons=frozenset(reasons),
            no_recent_baseline=self._no_recent_baseline(reasons),
            ladder_exceeded=ladder is not None
            and self.latest_run is not None
            and any(entry.run == self.latest_run and entry.exceeded for entry in ladder.runs),
            to_leave=to_leave,
            # READING: "`missing` holds `red_flag_questions`" while the state is rest and they are unanswered.
            missing_red_flag_questions="red_flag_questions" in to_leave,
            episode_open=episode is not None,
            episode_since=None if episode is None else episode.opened_at,
            spike_ratio=None if self.latest_run is None else ratio(self.facts.runs, self.latest_run),
        )

    def _reasons(self) -> set[tuple[str, str]]:
        sim, now = self.sim, self.now
        latched = {"E1": "emergency", "U1": "urgent", "C1": "see_provider"}
        reasons = {(rule, state) for rule, state in latched.items() if rule in sim.latches}
        if sim.c2_fired_at is not None:
            reasons.add(("C2", "see_provider"))
        if sim.rest is not None:
            reasons |= {(rule, "rest") for rule in sim.rest.rules}
        reasons |= {(rule, "easy") for rule in sim.easy_rules_in_force(now)}
        # READING: on a ladder the rule that entered it is the only reason for it, also after L3 lowered it.
        if sim.ladder is not None:
            reasons.add((sim.ladder.rule, "returning"))
        if sim.l3_easy is not None:
            reasons.add(("L3", "easy"))
        reasons |= {(rule, "easy") for rule, _run in self._spikes()}
        if too_little_recovery(self.facts.wellness, sim.calendar, now):
            reasons.add(("W1", "easy"))
        if not sim.is_beginner and sim.lacks_baseline(now):
            reasons.add(("N1", "unknown"))
        if self._unanswered_run():
            reasons.add(("N2", "unknown"))
        return reasons

    def _spikes(self) -> list[tuple[str, Run]]:
        """L1 and L2 in force: 48 h or 72 h after the end of the run, the last instant excluded."""
        found: list[tuple[str, Run]] = []
        for run in self.facts.runs:
            value = ratio(self.facts.runs, run)
            if value is None:
                continue
            if Fraction(11, 10) < value <= 2 and self.now < run.ended_at + 48 * HOUR:
                found.append(("L1", run))
            if value > 2 and self.now < run.ended_at + 72 * HOUR:
                found.append(("L2", run))
        return found

    def _unanswered_run(self) -> bool:
        """N2."""
        if self.sim.episode is None:
            return False
        # READING: "no pain answer came since": an answer has a score, and comes later than the run's end.
        answers = [report for report in self.facts.reports if report.score is not None]
        return any(
            self.now - run.ended_at > 36 * HOUR
            and not any(answer.at > run.ended_at or self.facts.owner(answer) == run for answer in answers)
            for run in self.facts.runs
        )

    def _no_recent_baseline(self, reasons: set[tuple[str, str]]) -> bool:
        # READING: "a second reason of L3 or N1": only while one of them is a reason; "no run in the window"
        # is the window of the latest run, after leaving out the runs under 400 m.
        if self.latest_run is None or not any(rule in {"L3", "N1"} for rule, _state in reasons):
            return False
        start = self.latest_run.started_at
        return not any(
            start - 720 * HOUR <= run.started_at < start and not run.too_short_for_l30 for run in self.facts.runs
        )

    def _override_holds(self) -> bool:
        sim, now = self.sim, self.now
        age = sim.age_at(now)
        if age is not None and age < 18:
            return False
        # READING: "in the last 48 h" includes the instant 48 h before.
        return any(
            item.kind is ConfirmationKind.OVERRIDE_SOFT_REST
            and sim.local_date(item.at) == sim.local_date(now)
            and not any((report.score or 0) >= 1 and report.at >= item.at - 48 * HOUR for report in self.facts.reports)
            for item in self.facts.confirmations
        )

    def _session_may_start(self) -> bool:
        ladder = self.sim.ladder
        if ladder is None or ladder.stage == 0:
            return False
        if self.latest_run is None:
            return True
        return (self.sim.local_date(self.now) - self.sim.local_date(self.latest_run.started_at)).days >= 2

    def _limits(self, state: str, reasons: set[tuple[str, str]]) -> _Limits:
        if state in STOPPED:
            return _Limits(max_distance_m=0, max_duration_s=0, max_rpe=0)
        longest = longest_m(self.facts.runs, self.now)
        clear = None if longest is None else longest * 110 // 100
        if state == "clear":
            return _Limits(max_distance_m=clear, max_duration_s=None, max_rpe=None)
        if state == "unknown":
            with_n2 = any(rule == "N2" for rule, _state in reasons)
            reduced = None if longest is None else longest * 70 // 100
            return _Limits(max_distance_m=reduced if with_n2 else clear, max_duration_s=None, max_rpe=4)
        if state == "easy":
            return _Limits(max_distance_m=self._easy_m(clear, reasons), max_duration_s=None, max_rpe=4)
        ladder = self.sim.ladder
        assert ladder is not None, "the state is returning on a ladder only"
        seconds = stage_total_ms(ladder.stage) * 125 // 100 // 1000
        return _Limits(max_distance_m=clear, max_duration_s=seconds, max_rpe=4)

    def _easy_m(self, clear: int | None, reasons: set[tuple[str, str]]) -> int | None:
        # READING: "always without the runs that the rules in force came from": the runs of L1 and L2; the
        # run that a P rule's report belongs to stays in.
        named = {rule for rule, _state in reasons}
        without = tuple(run for rule, run in self._spikes() if rule in named)
        runs = tuple(run for run in self.facts.runs if run not in without)
        known = [longest_m(runs, self.now)]
        if self.sim.episode is not None:
            known.append(longest_m(runs, self.sim.episode.opened_at))
        longest = max((value for value in known if value is not None), default=None)
        if longest is None:
            return None
        easy = longest * 70 // 100
        return easy if clear is None else min(easy, clear)

    def _to_leave(self) -> tuple[str, ...]:
        lacking = self.sim.r1_lacks(self.now)
        order = (
            "report_today",
            "report_yesterday",
            "pain_0_1",
            "wait_48h",
            "walk_30min",
            "red_flag_questions",
        )
        # READING: an item stands in `to_leave` when its own condition of R1 does not hold now.
        return tuple(name for name in order if name in lacking) or ("report_today",)
