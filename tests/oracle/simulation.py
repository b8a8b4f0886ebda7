"""The course of events: every input's instant and every local midnight in turn, up to the moment asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from runback_hub.model.athlete import Experience, PainProfile, Profile
from runback_hub.model.inputs import (
    EMERGENCY_SYMPTOMS,
    HISTORY_SYMPTOMS,
    SPORT_SYMPTOMS,
    URGENT_SYMPTOMS,
    ActivityCompleted,
    Comparison,
    ConfirmationKind,
    Onset,
    PainQuality,
    PainReport,
    Sport,
)

from .ladder import TOP_STAGE, Ladder, LadderRun, Pending, is_longer, within_80_to_125
from .local_days import Calendar
from .prepare import Facts, Run

HOUR = timedelta(hours=1)
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass
class Episode:
    """A pain episode; open while `closed_at` is None."""

    opened_at: datetime
    closed_at: datetime | None = None


@dataclass
class Rest:
    """Being at rest: by which rules, since which report (none for R4 alone), fallen from which stage."""

    rules: set[str] = field(default_factory=set)
    fell_from: int | None = None
    first_cause_at: datetime | None = None
    last_cause_at: datetime | None = None


@dataclass
class L3Easy:
    """L3's `easy`, until two runs are done after the one its gap began with."""

    gap_began_with: Run
    runs_done: int = 0


class EasyTrigger(NamedTuple):
    """A report by which P3, P4 or P5 asked for easy."""

    rule: str
    at: datetime


class PlanStep(NamedTuple):
    """A move on the plan, for C2."""

    kind: Literal["back", "advance"]
    at: datetime


class Restart(NamedTuple):
    """From here on C2 counts; `including` the instant itself after an assessment, which acts first there."""

    at: datetime
    including: bool


class Simulation:
    """What is latched, and where the person stands. `run` leads up to `now`; then the fields speak."""

    def __init__(self, profile: Profile, facts: Facts, now: datetime) -> None:
        self.profile = profile
        self.facts = facts
        self.now = now
        self.calendar = Calendar(profile.zone)
        self.latches: set[str] = set()
        self.last_clearing_at: datetime | None = None
        self.assessments: list[datetime] = []
        self.episodes: list[Episode] = []
        self.rest: Rest | None = None
        self.ladder: Ladder | None = None
        self.l3_easy: L3Easy | None = None
        self.easy_triggers: list[EasyTrigger] = []
        self.last_cause_at: datetime | None = None
        self.counted_walks: list[date] = []
        self.plan_steps: list[PlanStep] = []
        self.c2_fired_at: datetime | None = None
        self.c2_restart: Restart | None = None
        self.known_runs: list[Run] = []
        self.known_reports: list[PainReport] = []
        self.owners = {id(report): facts.owner(report) for report in facts.reports}
        self._enter_n1(BEGINNING)

    # ---- time

    def local_date(self, at: datetime) -> date:
        return self.calendar.local_date(at)

    def days(self, earlier: datetime, later: datetime) -> int:
        """A difference of local dates: what the policy calls "days since"."""
        return (self.local_date(later) - self.local_date(earlier)).days

    def age_at(self, at: datetime) -> int | None:
        year = self.profile.birth_year
        return None if year is None else self.local_date(at).year - year - 1

    def run(self) -> None:
        facts = self.facts
        times = {run.at for run in facts.runs} | {walk.at for walk in facts.activities}
        times |= {report.at for report in facts.reports} | {item.at for item in facts.confirmations}
        times |= {reading.at for reading in facts.wellness}
        if times:
            times |= set(self.calendar.midnights(min(times), self.now))
        for instant in sorted(times):
            self._at(instant)

    def _at(self, t: datetime) -> None:
        """The order in which things act at one instant."""
        confirmations = [item for item in self.facts.confirmations if item.at == t]
        reports = [report for report in self.facts.reports if report.at == t]
        for confirmation in confirmations:
            if confirmation.kind is ConfirmationKind.ASSESSED_BY_CLINICIAN:
                self._assessed(t)
        for run in self.facts.runs:
            if run.at == t:
                self._run_done(run)
        for activity in self.facts.activities:
            if activity.at == t:
                self._activity_done(activity)
        for report in reports:
            self._report(report, t)
        self._c2(t)
        self._judge_sessions(t)
        walked = any(item.kind is ConfirmationKind.WALK_30MIN_OK for item in confirmations)
        if (reports or walked) and self.rest is not None and not self.r1_lacks(t) and not self.latches:
            self._r1(t)
        self._three_runs(t)
        self._close_episode(t)
        self._l3(t)

    # ---- words of the policy

    @property
    def is_beginner(self) -> bool:
        return self.profile.experience is Experience.BEGINNER

    @property
    def episode(self) -> Episode | None:
        """The open one."""
        return next((episode for episode in self.episodes if episode.closed_at is None), None)

    def episode_in_90_days(self, t: datetime) -> bool:
        # READING: "an episode in the last 90 days": one that was open on any of those dates.
        return any(episode.closed_at is None or self.days(episode.closed_at, t) <= 90 for episode in self.episodes)

    @property
    def is_guided(self) -> bool:
        # READING: "an earlier assessed_by_clinician": confirmations act first, so one at the same instant is
        # earlier than the report.
        return self.profile.pain_profile is PainProfile.CLINICIAN_GUIDED and bool(self.assessments)

    def lacks_baseline(self, t: datetime) -> bool:
        """N1's condition."""
        runs = self.known_runs
        return len(runs) < 4 or self.days(min(run.started_at for run in runs), t) < 14

    def sessions_needed(self, ladder: Ladder, t: datetime) -> int:
        """The table's number, or one per stage."""
        if not self.episode_in_90_days(t):
            return 1
        episode, cause = self.episode, ladder.cause_at
        # READING: "it had opened at most 7 days before the last report that caused this rest": opened before
        # or at that report; "the episode" is the open one.
        if episode is not None and cause is not None and episode.opened_at <= cause:
            highest = max((r.score or 0) for r in self.known_reports if r.at >= episode.opened_at)
            if highest <= 2 and self.days(episode.opened_at, cause) <= 7:
                return 1
        return 3 if ladder.stage == TOP_STAGE else 2

    def belonging(self, run: Run) -> list[PainReport]:
        return [report for report in self.known_reports if self.owners[id(report)] == run]

    def scores_before(self, report: PainReport) -> list[int]:
        """Scores of the existing pain against which a during_run report is held."""
        run = self.owners[id(report)]
        cut = report.at if run is None else run.started_at
        # READING: "earlier the same day": the local date of the report, also for a run that began the
        # evening before; both ends "before", a report at the very start is not.
        return [
            other.score
            for other in self.facts.reports
            if other.score is not None
            and other.at < cut
            and (
                self.local_date(other.at) == self.local_date(report.at)
                or (other.onset is Onset.BEFORE_RUN and other.at >= cut - 24 * HOUR)
            )
        ]

    def rose(self, report: PainReport) -> bool:
        """Pain that began or rose during a run."""
        if report.onset is not Onset.DURING_RUN or report.score is None or report.score < 1:
            return False
        return not any(score >= report.score for score in self.scores_before(report))

    # ---- confirmations

    def _assessed(self, t: datetime) -> None:
        self.assessments.append(t)
        self.c2_fired_at = None
        self.c2_restart = Restart(t, including=True)
        if self.latches:
            self.latches.clear()
            self.last_clearing_at = t
            self._start_rest("R4", None)

    def _start_rest(self, rule: str, report: PainReport | None) -> None:
        if self.rest is None:
            self.rest = Rest(fell_from=None if self.ladder is None else self.ladder.stage)
            self.ladder = None
            self.l3_easy = None
        self.rest.rules.add(rule)
        if report is not None:
            self.last_cause_at = report.at
            self.rest.last_cause_at = report.at
            if self.rest.first_cause_at is None:
                self.rest.first_cause_at = report.at

    # ---- runs and walks

    def _run_before(self, started_at: datetime) -> Run | None:
        earlier = [run for run in self.known_runs if run.started_at < started_at]
        return max(earlier, key=lambda run: run.started_at, default=None)

    def _run_done(self, run: Run) -> None:
        self.known_runs.append(run)
        if self.l3_easy is not None:
            self.l3_easy.runs_done += 1
            if self.l3_easy.runs_done == 2:
                self.l3_easy = None
        ladder = self.ladder
        if ladder is None or run.ended_at <= ladder.entered_at:
            return
        stage = ladder.stage_at(run.ended_at)
        before = self._run_before(run.started_at)
        too_soon = before is not None and self.days(before.started_at, run.started_at) < 2
        right_length = within_80_to_125(run.effort.duration_ms, stage)
        too_long = is_longer(run.effort.duration_ms, stage)
        entry = LadderRun(run=run, stage=stage, exceeded=stage == 0 or too_long or too_soon)
        ladder.runs.append(entry)
        if stage > 0 and right_length and not too_soon and not self.latches and stage == ladder.stage:
            ladder.pending.append(Pending(day=self.local_date(run.started_at), stage=stage, run=entry))

    def _activity_done(self, walk: ActivityCompleted) -> None:
        ladder = self.ladder
        if walk.sport is not Sport.WALKING or ladder is None or walk.ended_at <= ladder.entered_at:
            return
        if ladder.stage != 0 or ladder.stage_at(walk.ended_at) != 0 or self.latches:
            return
        day = self.local_date(walk.started_at)
        before = self._run_before(walk.started_at)
        # READING: "counted walks" are those taken for a session, whether it then proved clean or not.
        days = [*self.counted_walks, *([] if before is None else [self.local_date(before.started_at)])]
        if not within_80_to_125(walk.duration_ms, 0) or any((day - other).days < 2 for other in days):
            return
        self.counted_walks.append(day)
        ladder.pending.append(Pending(day=day, stage=0, walk=walk))

    # ---- reports

    def _report(self, report: PainReport, t: datetime) -> None:
        self.known_reports.append(report)
        opened = (report.score or 0) >= 1 and self.episode is None
        if opened:
            self.episodes.append(Episode(opened_at=t))
        self._red_flags(report, t, opened=opened)
        resting = self._rest_rules(report)
        for rule in resting:
            self._start_rest(rule, report)
        self._easy_rules(report, resting)
        if not resting:
            self._step_back(report, t)

    def _red_flags(self, report: PainReport, t: datetime, *, opened: bool) -> None:
        if any(report.symptoms.get(name) is True for name in EMERGENCY_SYMPTOMS):
            self.latches.add("E1")
        counts = report.score is None or report.score >= 1 or self.episode is not None
        if counts and self._urgent(report):
            self.latches.add("U1")
        if opened:
            # READING: "unless an assessment came between": one at the instant of the opening acts before it,
            # so it came between.
            for earlier in self.known_reports:
                assessed = any(earlier.at < at <= t for at in self.assessments)
                recent = earlier is not report and self.days(earlier.at, t) <= 7
                if recent and not assessed and self._urgent(earlier):
                    self.latches.add("U1")
        if any(report.symptoms.get(name) is True for name in SPORT_SYMPTOMS):
            self.latches.add("C1")
        self._minor(report, t)

    def _urgent(self, report: PainReport) -> bool:
        return any(
            report.symptoms.get(name) is True
            and not (name in HISTORY_SYMPTOMS and self._history_assessed(name, report))
            for name in URGENT_SYMPTOMS
        )

    def _history_assessed(self, name: str, report: PainReport) -> bool:
        """Answered `true` before, assessed after that, and no episode opened since that assessment."""
        # READING: "once assessed": any earlier `true`, latched or not, that an assessment followed; the first
        # assessment after the latest such answer is the one a "new episode" must be later than.
        answers = [
            other.at
            for other in self.known_reports
            if other is not report
            and other.symptoms.get(name) is True
            and any(other.at < at <= report.at for at in self.assessments)
        ]
        if not answers:
            return False
        assessed_at = min(at for at in self.assessments if at > max(answers))
        return not (self.episode is not None and self.episode.opened_at >= assessed_at)

    def _minor(self, report: PainReport, t: datetime) -> None:
        age = self.age_at(t)
        if age is None or report.score is None or report.score < 1:
            return
        since = self.assessments[-1] if self.assessments else BEGINNING
        twice = any(
            (other.score or 0) >= 1 and other.at >= since and 1 <= self.days(other.at, t) <= 14
            for other in self.known_reports
        )
        if age < 16 or (age < 18 and twice):
            self.latches.add("C1")

    def _rest_rules(self, report: PainReport) -> list[str]:
        """P1, P2, P5 and T1, as far as they mean rest."""
        found: list[str] = []
        score = report.score
        if self.rose(report) and score is not None:
            # READING: "a rise of >= 2": from the highest score that counts as existing pain, as in the strict
            # profile.
            rise = score - max(self.scores_before(report), default=0)
            if not self.is_guided or score > 5 or rise >= 2:
                found.append("P1")
        elif self.is_guided and report.onset is Onset.DURING_RUN and score is not None and score > 5:
            found.append("P1")
        sharp = report.quality is PainQuality.SHARP
        if (score is not None and score >= 6) or sharp or report.limp is True:
            found.append("P2")
        if score is not None and 3 <= score <= 5 and not self.is_guided:
            found.append("P5")
        if self._getting_worse(report):
            found.append("T1")
        return found

    def _getting_worse(self, report: PainReport) -> bool:
        # READING: "three reports in a row": in a row among the reports that have a score.
        if report.score is None:
            return False
        row = [other for other in self.known_reports if other.score is not None][-3:]
        if len(row) < 3:
            return False
        scores = [other.score or 0 for other in row]
        days = [self.local_date(other.at) for other in row]
        return scores[0] < scores[1] < scores[2] and days[0] < days[1] < days[2] and (days[2] - days[0]).days <= 14

    def _easy_rules(self, report: PainReport, resting: list[str]) -> None:
        score = report.score
        if report.onset is Onset.NEXT_MORNING and report.compared_to_usual is Comparison.WORSE:
            self.easy_triggers.append(EasyTrigger("P3", report.at))
        if score is not None and 1 <= score <= 2 and "P1" not in resting:
            self.easy_triggers.append(EasyTrigger("P4", report.at))
        if score is not None and 3 <= score <= 5 and self.is_guided:
            self.easy_triggers.append(EasyTrigger("P5", report.at))

    def easy_rules_in_force(self, t: datetime) -> set[str]:
        """P3-P5 hold until the latest report is 0 and a local midnight has passed since it."""
        if not self.easy_triggers:
            return set()
        # READING: "a local midnight has passed since": what was released stays so; a report at that very midnight
        # comes after the release.
        released = [
            midnight
            for midnight in self.calendar.midnights(self.easy_triggers[0].at, t)
            if self._latest_score_before(midnight) == 0
        ]
        return {
            trigger.rule for trigger in self.easy_triggers if not any(trigger.at < midnight for midnight in released)
        }

    def _latest_score_before(self, moment: datetime) -> int | None:
        earlier = [report for report in self.known_reports if report.at < moment]
        return earlier[-1].score if earlier else None

    def _step_back(self, report: PainReport, t: datetime) -> None:
        ladder = self.ladder
        if ladder is None:
            return
        step = False
        if report.onset is Onset.NEXT_MORNING and report.compared_to_usual is Comparison.WORSE:
            day = self.local_date(t)
            # READING: "a session and its next morning once together": any run of the day before that already
            # stepped back, and one step for all reports of "worse" on one date.
            together = any(self.local_date(run.started_at) == day - timedelta(days=1) for run in ladder.stepped_runs)
            if not together and day not in ladder.stepped_mornings:
                step = True
                ladder.stepped_mornings.append(day)
        run = self.owners[id(report)]
        if (
            self.is_guided
            and report.score in {4, 5}
            and run is not None
            and run.ended_at > ladder.entered_at
            and run not in ladder.stepped_runs
            and self.local_date(run.started_at) + timedelta(days=1) not in ladder.stepped_mornings
        ):
            step = True
            ladder.stepped_runs.append(run)
        if step:
            self.plan_steps.append(PlanStep("back", t))
            # READING: a step back at stage 0 stays there and takes back the clean sessions counted so far.
            ladder.move_to(max(0, ladder.stage - 1), t)

    # ---- C2

    def _counts_for_c2(self, at: datetime) -> bool:
        restart = self.c2_restart
        if restart is None:
            return True
        return at >= restart.at if restart.including else at > restart.at

    def _c2(self, t: datetime) -> None:
        if self.c2_fired_at is not None:
            if not self._c2_zeros(self.c2_fired_at):
                return
            self.c2_fired_at = None
            self.c2_restart = Restart(t, including=False)
        reports = [report for report in self.known_reports if self._counts_for_c2(report.at)]
        if (
            (not self._c2_is_silent(t) and (self._c2_three_of_four(reports) or self._c2_no_better(reports, t)))
            or self._c2_two_sixes(reports)
            or self._c2_two_steps_back()
        ):
            self.c2_fired_at = t

    def _c2_zeros(self, fired_at: datetime) -> bool:
        """Reports of 0 only, at most 3 days apart, spanning 14 days, all later than the firing."""
        stretch: list[PainReport] = []
        for report in self.known_reports:
            if report.at <= fired_at:
                continue
            if report.score != 0:
                stretch = []
                continue
            if stretch and self.days(stretch[-1].at, report.at) > 3:
                stretch = []
            stretch.append(report)
        # READING: "spanning 14 days": from the first 0 of the stretch to its last, by date.
        return bool(stretch) and self.days(stretch[0].at, stretch[-1].at) >= 14

    def _c2_is_silent(self, t: datetime) -> bool:
        if not self.assessments or self.days(self.assessments[-1], t) > 89:
            return False
        assessed_at = self.assessments[-1]
        # READING: "the highest of the 14 days before it" is 0 where nothing was reported in them.
        before = [
            report.score or 0
            for report in self.known_reports
            if report.at < assessed_at and self.days(report.at, assessed_at) <= 14
        ]
        highest = max(before, default=0)
        return not any(report.at >= assessed_at and (report.score or 0) > highest for report in self.known_reports)

    def _c2_three_of_four(self, reports: list[PainReport]) -> bool:
        # READING: after a restart only the runs that came later are the "last 4 runs".
        runs = sorted((run for run in self.known_runs if self._counts_for_c2(run.at)), key=lambda run: run.started_at)[
            -4:
        ]
        painful = [
            run
            for run in runs
            if any((report.score or 0) >= 1 and self.owners[id(report)] == run for report in reports)
        ]
        return len(painful) >= 3

    def _c2_no_better(self, reports: list[PainReport], t: datetime) -> bool:
        """The parts about an old episode: 14 days without getting better, 42 days at all."""
        episode = self.episode
        if episode is None:
            return False
        since = episode.opened_at
        if self.c2_restart is not None:
            since = max(since, self.c2_restart.at)
        own = [report for report in reports if report.at >= since]
        positive = [report for report in own if (report.score or 0) >= 1]
        if not positive:
            return False
        age = self.days(since, t)
        if age >= 42 and self.days(positive[-1].at, t) <= 14:
            return True
        # READING: "whose latest score": of the latest report that has one.
        latest = [report for report in own if report.score is not None][-1]
        first = positive[0]
        return (
            age >= 14
            and len({self.local_date(report.at) for report in own}) >= 3
            and self.days(own[-1].at, t) <= 14
            and (latest.score or 0) >= (first.score or 0)
        )

    def _c2_two_sixes(self, reports: list[PainReport]) -> bool:
        high = [report for report in reports if (report.score or 0) >= 6]
        return any(1 <= self.days(one.at, other.at) <= 14 for one in high for other in high)

    def _c2_two_steps_back(self) -> bool:
        kinds = [step.kind for step in self.plan_steps if self._counts_for_c2(step.at)]
        return any(one == other == "back" for one, other in pairwise(kinds))

    # ---- sessions

    def _judge_sessions(self, t: datetime) -> None:
        ladder = self.ladder
        if ladder is None:
            return
        # READING: "while no flag is latched" and R1's "no latch" mean E1, U1 and C1; C2 stops neither.
        if self.latches:
            ladder.pending.clear()
        for session in list(ladder.pending):
            verdict = self._verdict(session, t)
            if verdict == "open" or session not in ladder.pending:
                continue
            ladder.pending.remove(session)
            if verdict == "clean":
                if session.run is not None:
                    session.run.clean = True
                self._count_session(ladder, t)

    def _verdict(self, session: Pending, t: datetime) -> Literal["clean", "hold", "open"]:
        next_day = session.day + timedelta(days=1)
        is_over = self.local_date(t) > next_day
        morning = [
            report.compared_to_usual
            for report in self.known_reports
            if report.onset is Onset.NEXT_MORNING
            and self.local_date(report.at) == next_day
            and report.compared_to_usual is not None
        ]
        worse = Comparison.WORSE in morning
        answers = self._answers(session)
        # READING: whether there was an episode in the last 90 days is asked at the moment of judging.
        if self.episode_in_90_days(t):
            mild = all(report.score is not None and report.score <= 2 for report in answers)
            if answers and mild and not any(map(self.rose, answers)) and morning and not worse:
                return "clean"
            return "hold" if is_over else "open"
        if worse or any((report.score or 0) >= 1 for report in answers):
            return "hold"
        return "clean" if morning or is_over else "open"

    def _answers(self, session: Pending) -> list[PainReport]:
        """The reports that belong to a run; for a walk the one it carries and all later ones that day."""
        if session.run is not None:
            return self.belonging(session.run.run)
        walk = session.walk
        assert walk is not None, "a session is a run or a walk"
        return [
            report
            for report in self.known_reports
            if report.carrier == walk.event_id
            or (report.at >= walk.ended_at and self.local_date(report.at) == session.day)
        ]

    def _count_session(self, ladder: Ladder, t: datetime) -> None:
        ladder.sessions_done += 1
        if ladder.sessions_done < self.sessions_needed(ladder, t):
            return
        self.plan_steps.append(PlanStep("advance", t))
        if ladder.stage < TOP_STAGE:
            ladder.move_to(ladder.stage + 1, t)
            return
        self.ladder = None
        if self.episode is not None:
            self.episode.closed_at = t

    # ---- R1

    def r1_lacks(self, t: datetime) -> set[str]:
        """What of R1 does not hold at `t`, in the words of `to_leave`; a latch is looked at elsewhere."""
        lacks: set[str] = set()
        today = self.local_date(t)
        yesterday = today - timedelta(days=1)
        high = [report.at for report in self.known_reports if (report.score or 0) >= 2]
        waits = [at for at in (self.last_cause_at, *high) if at is not None]
        if any(t - at < 48 * HOUR for at in waits):
            lacks.add("wait_48h")
        own = [report for report in self.known_reports if self.local_date(report.at) in {yesterday, today}]
        days = {self.local_date(report.at) for report in own}
        if today not in days:
            lacks.add("report_today")
        if yesterday not in days:
            lacks.add("report_yesterday")
        if any(report.score not in {0, 1} for report in own):
            lacks.add("pain_0_1")
        if not self._walked(own, {yesterday, today}, t):
            lacks.add("walk_30min")
        if not all(self._emergency_answered(name) for name in EMERGENCY_SYMPTOMS):
            lacks.add("red_flag_questions")
        return lacks

    def _walked(self, reports: list[PainReport], days: set[date], t: datetime) -> bool:
        """The latest `walk_30min_ok` of the two days; at one instant the confirmation comes first."""
        answered = [report for report in reports if report.walk_30min_ok is not None]
        confirmed = [
            item.at
            for item in self.facts.confirmations
            if item.kind is ConfirmationKind.WALK_30MIN_OK and item.at <= t and self.local_date(item.at) in days
        ]
        if answered and (not confirmed or answered[-1].at >= max(confirmed)):
            return answered[-1].walk_30min_ok is True
        return bool(confirmed)

    def _emergency_answered(self, name: str) -> bool:
        rest, episode = self.rest, self.episode
        if rest is None:
            return False
        trues = [report.at for report in self.known_reports if report.symptoms.get(name) is True]
        # READING: "assessed after it was answered `true`, in the open episode if there is one": the answer
        # itself lies in the open episode.
        if episode is not None:
            trues = [at for at in trues if at >= episode.opened_at]
        if any(at < assessed for at in trues for assessed in self.assessments):
            return True
        # READING: the last clearing assessment counts however old it is; only where there is neither an open
        # episode nor any such assessment do the questions count from this rest's first causing report.
        starts = [] if episode is None else [episode.opened_at]
        if self.last_clearing_at is not None:
            starts.append(self.last_clearing_at)
        if not starts and rest.first_cause_at is not None:
            starts.append(rest.first_cause_at)
        since = max(starts)
        answers = [
            report.symptoms[name] for report in self.known_reports if report.at >= since and name in report.symptoms
        ]
        return bool(answers) and answers[-1] is False

    def _r1(self, t: datetime) -> None:
        rest = self.rest
        assert rest is not None, "R1 is judged at rest only"
        last = max(self.known_runs, key=lambda run: run.started_at, default=None)
        # READING: at rest without any run in the log the stage is 1, as after a long break.
        off = None if last is None else self.days(last.started_at, t)
        stage = 1 if off is None or off > 28 else 5 if off < 14 else 3
        if rest.fell_from is not None:
            stage = max(0, min(stage, rest.fell_from - 1))
        self.rest = None
        self.ladder = Ladder(
            rule="R1",
            stage=stage,
            entered_at=t,
            entered_with_episode=self.episode is not None,
            break_began_with=last,
            cause_at=rest.last_cause_at,
        )

    # ---- leaving and entering the other ladders

    def _three_runs(self, t: datetime) -> None:
        ladder = self.ladder
        # READING: "a ladder entered by L3 or N1 without an open episode": none was open when it was entered.
        # READING: a latched flag does not stop the three runs from ending such a ladder.
        if ladder is None or ladder.rule == "R1" or ladder.entered_with_episode or len(ladder.runs) < 3:
            return
        three = sorted(ladder.runs, key=lambda entry: entry.run.started_at)[-3:]
        if self.days(three[0].run.started_at, three[2].run.started_at) > 14:
            return
        if any(entry.stage == 0 for entry in three):
            return
        # READING: "since it was entered": a report at the instant of entering counts.
        painful = [r for r in self.known_reports if r.at >= ladder.entered_at and (r.score or 0) >= 1]
        if self.is_beginner:
            if self.lacks_baseline(t):
                return
            if any((report.score or 0) >= 3 or self.days(report.at, t) < 14 for report in painful):
                return
        elif painful or not all(entry.clean or self._is_short(entry.run, ladder.break_began_with) for entry in three):
            return
        self.plan_steps.append(PlanStep("advance", t))
        self.ladder = None

    def _is_short(self, run: Run, last: Run | None) -> bool:
        """At most 0.70 x the longest run of the 90 days before the break, the one it began with counted."""
        if last is None or run.distance_m is None:
            return False
        distances = [
            other.distance_m
            for other in self.known_runs
            if other.distance_m is not None
            and other.started_at <= last.started_at
            and self.days(other.started_at, last.started_at) <= 90
        ]
        return bool(distances) and run.distance_m * 100 <= max(distances) * 70

    def _close_episode(self, t: datetime) -> None:
        episode, ladder = self.episode, self.ladder
        if episode is None or self.rest is not None or (ladder is not None and ladder.rule == "R1"):
            return
        last = [index for index, report in enumerate(self.known_reports) if (report.score or 0) >= 1][-1]
        pain_at = self.known_reports[last].at
        zeros = [report for report in self.known_reports[last + 1 :] if report.score == 0]
        if self.days(pain_at, t) >= 14 and len(zeros) >= 2 and self.days(pain_at, zeros[-1].at) >= 7:
            episode.closed_at = t

    def _l3_stage(self, off: int, t: datetime) -> int | None:
        """L3's stage after so many days; None where it asks for easy only."""
        if self.episode_in_90_days(t) or self.is_beginner:
            return 3 if off <= 28 else 1
        return None if off <= 28 else 5

    def _l3(self, t: datetime) -> None:
        self._enter_n1(t)
        last = max(self.known_runs, key=lambda run: run.started_at, default=None)
        if last is None or self.rest is not None:
            return
        off = self.days(last.started_at, t)
        if off <= 14:
            return
        stage = self._l3_stage(off, t)
        if self.ladder is not None:
            # READING: on a ladder a break of 15-28 days without an episode changes nothing: easy is no stage.
            if stage is not None and stage < self.ladder.stage:
                self.ladder.move_to(stage, t)
        elif stage is not None:
            self.l3_easy = None
            self.ladder = Ladder(
                rule="L3",
                stage=stage,
                entered_at=t,
                entered_with_episode=self.episode is not None,
                break_began_with=last,
            )
        elif self.l3_easy is None or self.l3_easy.gap_began_with != last:
            self.l3_easy = L3Easy(gap_began_with=last)

    def _enter_n1(self, t: datetime) -> None:
        # READING: a beginner stands on N1's ladder from the very beginning, before any input.
        if self.is_beginner and self.rest is None and self.ladder is None and self.lacks_baseline(t):
            self.l3_easy = None
            self.ladder = Ladder(
                rule="N1",
                stage=1,
                entered_at=t,
                entered_with_episode=self.episode is not None,
                break_began_with=None,
            )
