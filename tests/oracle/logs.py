"""Random logs, dense in what the policy turns on: spikes, gaps, pain, flags, and people who follow the plan.

A log is a chain of chapters (training, a break, an injury, a graded return, ...). Times are whole minutes and
favour a few hours of the day, so that limits of 24, 48 and 72 h are often met exactly.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from runback_hub.model.athlete import Experience, PainProfile, Profile
from runback_hub.model.inputs import (
    EMERGENCY_SYMPTOMS,
    HISTORY_SYMPTOMS,
    OTHER_SYMPTOMS,
    SPORT_SYMPTOMS,
    URGENT_SYMPTOMS,
    ActivityCompleted,
    Comparison,
    Confirmation,
    ConfirmationKind,
    Input,
    Location,
    Onset,
    PainQuality,
    PainReport,
    RunCompleted,
    Sport,
    Surface,
    WellnessReading,
    Withdrawal,
)

ATHLETE: Final = "alex"
ZONES: Final = (
    "UTC",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",  # its clock changes skip local midnight
    "Asia/Kathmandu",
    "Pacific/Auckland",
)
SOURCES: Final = (None, "garmin", "strava", "fit", "gpx", "home_assistant", "ha_strava", "polar", "watch")
SCORES: Final = (0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 8)
HOURS: Final = (0, 6, 7, 7, 7, 8, 8, 12, 13, 18, 18, 20, 23)
STRETCHES: Final = ("0.3", "0.5", "0.7", "0.8", "0.9", "1", "1", "1.1", "1.11", "1.3", "2", "2.01", "2.3")
ALL_NO: Final = dict.fromkeys(sorted(EMERGENCY_SYMPTOMS), False)


def random_log(seed: int, days: int | None = None) -> tuple[Profile, list[Input]]:
    """A profile and its inputs over `days` days (60 to 200 where not given), shuffled; pure in its arguments."""
    writer = LogWriter(random.Random(seed), days)
    return writer.profile, writer.write()


class LogWriter:
    """Writes one log, chapter by chapter; `day` is the day reached so far."""

    def __init__(self, rng: random.Random, days: int | None) -> None:
        self.rng = rng
        self.days = rng.randint(60, 200) if days is None else days
        self.first_day = date(2024, 1, 1) + timedelta(days=rng.randrange(700))
        self.profile = self._random_profile()
        self.day = 0
        self.usual_m = rng.choice((3000, 5000, 8000, 10000))
        self.items: list[Input] = []
        self.count = 0
        self.calm = rng.random() < 0.45
        self.keeps_wellness = rng.random() < 0.4
        self.usual_hrv = rng.randint(30, 90)

    def _random_profile(self) -> Profile:
        rng = self.rng
        age = rng.choice((None, None, None, None, None, 15, 16, 17, 18, 30, 30, 45, 45, 50, 60, 70))
        return Profile(
            athlete=ATHLETE,
            zone=ZoneInfo(rng.choice(ZONES)),
            birth_year=None if age is None else self.first_day.year - age - 1,
            experience=rng.choice((Experience.REGULAR, Experience.REGULAR, Experience.BEGINNER)),
            pain_profile=rng.choice((PainProfile.SEED_STRICT, PainProfile.CLINICIAN_GUIDED)),
        )

    def write(self) -> list[Input]:
        # chapter, weight in an eventful log, weight in a calm one
        chapters: Sequence[tuple[Callable[[], None], int, int]] = (
            (self.training, 6, 12),
            (self.pause, 3, 4),
            (self.injury, 2, 0),
            (self.injury_then_return, 10, 2),
            (self.return_by_three_runs, 2, 4),
            (self.walks, 1, 0),
            (self.stubborn_pain, 1, 0),
            (self.red_flag, 2, 0),
            (self.mistake, 1, 0),
            (self.clinic, 1, 0),
            (self.silence, 4, 2),
        )
        weights = [calm if self.calm else eventful for _, eventful, calm in chapters]
        if self.rng.random() < 0.85:
            self.training()
        while self.day < self.days:
            self.rng.choices([chapter for chapter, _, _ in chapters], weights)[0]()
        self._sprinkle()
        self._withdraw_some()
        self.rng.shuffle(self.items)
        return self.items

    # ---- single inputs

    def moment(self, day: int, hour: int | None = None, minute: int | None = None) -> datetime:
        """A local wall-clock time of a day of the log, in UTC."""
        hour = self.rng.choice(HOURS) if hour is None else hour
        minute = self.rng.choice((0, 0, 0, 30, self.rng.randrange(60))) if minute is None else minute
        wall = datetime.combine(self.first_day + timedelta(days=day), time(hour, minute))
        return wall.replace(tzinfo=self.profile.zone).astimezone(UTC)

    def score(self, limit: int = 8) -> int:
        """A score, mostly low; in a calm log hardly ever above 0."""
        if self.calm and self.rng.random() < 0.97:
            return 0
        return min(limit, self.rng.choice(SCORES))

    def _id(self) -> str:
        self.count += 1
        return f"i{self.count}"

    def report(
        self,
        at: datetime,
        score: int | None,
        onset: Onset = Onset.DAILY,
        *,
        usual: Comparison | None = None,
        walk: bool | None = None,
        symptoms: dict[str, bool] | None = None,
        trouble: bool = False,
    ) -> PainReport:
        rng = self.rng
        report = PainReport(
            event_id=self._id(),
            athlete=ATHLETE,
            at=at,
            score=score,
            location=rng.choice((None, *Location)),
            onset=onset,
            compared_to_usual=usual,
            quality=PainQuality.SHARP if trouble and rng.random() < 0.5 else None,
            limp=True if trouble and rng.random() < 0.5 else None,
            walk_30min_ok=walk,
            symptoms=symptoms or {},
        )
        self.items.append(report)
        return report

    def run(
        self, start: datetime, minutes: int, distance_m: int, carried: tuple[int, Onset] | None = None
    ) -> RunCompleted:
        rng = self.rng
        event_id = self._id()
        end = start + timedelta(minutes=minutes)
        treadmill = rng.random() < 0.08
        no_distance = treadmill and rng.random() < 0.7
        run = RunCompleted(
            event_id=event_id,
            athlete=ATHLETE,
            at=end,
            source=rng.choice(SOURCES),
            started_at=start,
            duration_ms=minutes * 60_000,
            distance_m=rng.choice((0, None)) if no_distance else distance_m,
            steps=distance_m if treadmill or rng.random() < 0.6 else None,
            surface=Surface.TREADMILL if treadmill else None,
            pain=None if carried is None else self._carried(event_id, end, *carried),
        )
        self.items.append(run)
        if rng.random() < 0.03:
            self._second_source(run)
        return run

    def _carried(self, carrier: str, at: datetime, score: int, onset: Onset) -> PainReport:
        report = self.report(at, score, onset)
        self.items.remove(report)
        return replace(report, event_id=f"{carrier}/pain", carrier=carrier)

    def _second_source(self, run: RunCompleted) -> None:
        """The same run from another door, a little shifted; it may carry a report of its own."""
        shift = timedelta(minutes=self.rng.choice((0, 1, 2)))
        event_id = self._id()
        carried = None
        if self.rng.random() < 0.3:
            carried = self._carried(event_id, run.at + shift, 0, Onset.DURING_RUN)
        other = replace(
            run,
            event_id=event_id,
            started_at=run.started_at + shift,
            at=run.at + shift,
            source=self.rng.choice(SOURCES),
            distance_m=None if run.distance_m is None else run.distance_m * 98 // 100,
            pain=carried,
        )
        self.items.append(other)

    def walk(self, start: datetime, minutes: int, carried: int | None = None) -> None:
        event_id = self._id()
        end = start + timedelta(minutes=minutes)
        self.items.append(
            ActivityCompleted(
                event_id=event_id,
                athlete=ATHLETE,
                at=end,
                started_at=start,
                duration_ms=minutes * 60_000,
                sport=self.rng.choice((Sport.WALKING, Sport.WALKING, Sport.WALKING, Sport.HIKING)),
                pain=None if carried is None else self._carried(event_id, end, carried, Onset.DAILY),
            )
        )

    def confirm(self, at: datetime, kind: ConfirmationKind) -> None:
        self.items.append(Confirmation(event_id=self._id(), athlete=ATHLETE, at=at, kind=kind))

    def next_morning(self, day: int, *, worse: float = 0.08) -> None:
        """The answer of the morning of `day`; mostly `same`."""
        rng = self.rng
        usual = Comparison.WORSE if rng.random() < worse else rng.choice((Comparison.SAME, Comparison.BETTER))
        score = self.score(1)
        self.report(self.moment(day, rng.choice((7, 8))), score, Onset.NEXT_MORNING, usual=usual)

    # ---- chapters

    def training(self) -> None:
        """Runs every 1 to 4 days, with spikes, and now and then a report."""
        rng = self.rng
        for _ in range(rng.randint(4, 10)):
            distance_m = int(float(rng.choice(STRETCHES)) * self.usual_m)
            if rng.random() < 0.03:
                distance_m = 350
            carried = None
            if rng.random() < 0.1:
                carried = (self.score(), rng.choice((Onset.DURING_RUN, Onset.AFTER_RUN)))
            if rng.random() < 0.05:
                self.report(self.moment(self.day, 6), self.score(2), Onset.BEFORE_RUN)
            run = self.run(self.moment(self.day), max(10, distance_m // 180), distance_m, carried)
            if rng.random() < 0.15:
                wait = timedelta(minutes=rng.choice((0, 5, 30, 600, 24 * 60, 24 * 60 + 1)))
                onset = rng.choice((Onset.DURING_RUN, Onset.AFTER_RUN, Onset.AFTER_RUN))
                self.report(run.at + wait, self.score(3), onset)
            if rng.random() < 0.3:
                self.next_morning(self.day + 1)
            self.day += rng.choice((1, 1, 2, 2, 3, 3, 4))

    def pause(self) -> None:
        """A break around the limits of L3, sometimes with zeros in it."""
        length = self.rng.choice((13, 14, 15, 16, 20, 27, 28, 29, 30, 35, 40))
        if self.rng.random() < 0.4:
            for day in range(self.day, self.day + length, self.rng.choice((3, 5, 7))):
                self.report(self.moment(day), self.score(1))
        self.day += length

    def injury(self) -> None:
        """One of the ways into rest or easy."""
        rng = self.rng
        kind = rng.choice(("during", "during", "during", "five", "sharp", "rising", "worse", "mild"))
        if kind == "during":
            run = self.run(self.moment(self.day, 7, 0), 30, self.usual_m * 6 // 10)
            after = timedelta(minutes=rng.choice((-5, 0, 5, 5, 5, 60)))
            self.report(run.at + after, rng.choice((1, 1, 1, 2, 2, 4)), Onset.DURING_RUN)
        elif kind == "rising":
            for score in range(rng.choice((0, 1)), 4):
                self.report(self.moment(self.day), score)
                self.day += rng.choice((1, 1, 2, 6))
        elif kind == "worse":
            self.next_morning(self.day, worse=1)
        else:
            scores = {"five": rng.choice((3, 4, 5, 6)), "sharp": rng.choice((0, 1)), "mild": rng.choice((1, 2))}
            self.report(self.moment(self.day), scores[kind], rng.choice(list(Onset)), trouble=kind == "sharp")
        self.day += 1

    def injury_then_return(self) -> None:
        """The way on that the policy describes, followed to the end more often than not."""
        self.injury()
        self.recovery()
        if self.rng.random() < 0.15:
            self.walks()
        self.graded_return()

    def recovery(self) -> None:
        """Daily reports of 0 or 1 with the walk and the answers, as R1 wants them."""
        rng = self.rng
        length = rng.randint(2, 5)
        for index in range(length):
            late = index >= length - 2
            walk: bool | None = None
            if late and rng.random() < 0.8:
                walk = rng.random() < 0.95
            answers = dict(ALL_NO) if late or rng.random() < 0.2 else {}
            if rng.random() < 0.1:
                answers.pop("chest_pain", None)
            at = self.moment(self.day, 8, 0)
            if rng.random() < 0.1 and not late:
                self.confirm(at, ConfirmationKind.PAIN_FREE_DAY)
            else:
                self.report(at, rng.choice((0, 0, 0, 0, 1)), walk=walk, symptoms=answers)
            if walk is None and late:
                self.confirm(self.moment(self.day, rng.choice((8, 12)), 0), ConfirmationKind.WALK_30MIN_OK)
            self.day += 1
        self.day -= rng.choice((0, 1, 1))

    def graded_return(self) -> None:
        """Sessions of the right length two days apart with all their answers; the odd one goes wrong."""
        rng = self.rng
        careless = rng.choice((0, 0, 0, 0.05, 0.2))
        mean = rng.choice((0, 0, 0, 1))
        for _ in range(rng.choice((3, 6, 9, 14, 21))):
            minutes = rng.choice((20, 20, 22, 25))
            distance = rng.choice(("0.3", "0.4", "0.5"))
            answered, morning, wait = True, True, rng.choice((2, 2, 2, 2, 3))
            score = rng.choice((0, mean))
            if rng.random() < careless:
                minutes = rng.choice((10, 15, 16, 26, 31, 32, 45))
                answered, morning = rng.random() < 0.6, rng.random() < 0.6
                wait = rng.choice((0, 1, 1, 2, 4, 9))
                score = rng.choice((0, 1, 2, 3, 4, 5))
            self._session(minutes, int(float(distance) * self.usual_m), score, answered=answered)
            if morning:
                self.next_morning(self.day + 1, worse=careless)
            self.day += wait
            if self.day > self.days:
                return

    def _session(self, minutes: int, distance_m: int, score: int, *, answered: bool) -> None:
        rng = self.rng
        start = self.moment(self.day, rng.choice((0, 13, 13, 18)), 0)
        onset = rng.choice((Onset.AFTER_RUN, Onset.AFTER_RUN, Onset.DURING_RUN))
        if score and onset is Onset.DURING_RUN and rng.random() < 0.7:
            self.report(start - timedelta(minutes=30), score, Onset.BEFORE_RUN)
        carries = answered and rng.random() < 0.4
        run = self.run(start, minutes, distance_m, (score, onset) if carries else None)
        if answered and not carries:
            self.report(run.at + timedelta(minutes=rng.choice((0, 5, 5, 60))), score, onset)

    def return_by_three_runs(self) -> None:
        """A break, then three easy runs."""
        rng = self.rng
        self.day += rng.choice((16, 22, 29, 35, 40))
        for _ in range(rng.choice((2, 3, 3, 4))):
            distance_m = int(float(rng.choice(("0.3", "0.5", "0.5", "0.7", "0.71"))) * self.usual_m)
            self.run(self.moment(self.day), rng.choice((18, 20, 25, 30)), distance_m)
            if rng.random() < 0.15:
                self.report(self.moment(self.day, 20), self.score(3))
            self.day += rng.choice((1, 2, 2, 3, 5, 7))

    def walks(self) -> None:
        """Stage 0: walks of about 30 minutes, two days apart."""
        rng = self.rng
        for _ in range(rng.randint(2, 5)):
            start = self.moment(self.day, rng.choice((12, 13)), 0)
            minutes = rng.choice((20, 24, 30, 30, 30, 37, 38))
            carries = rng.random() < 0.5
            self.walk(start, minutes, rng.choice((0, 0, 0, 1)) if carries else None)
            if not carries and rng.random() < 0.9:
                self.report(start + timedelta(minutes=minutes + rng.choice((0, 60))), rng.choice((0, 0, 1)))
            if rng.random() < 0.9:
                self.next_morning(self.day + 1, worse=0.05)
            self.day += rng.choice((1, 2, 2, 2, 3))

    def stubborn_pain(self) -> None:
        """Pain that does not go: for C2."""
        rng = self.rng
        level = rng.choice((1, 1, 2))
        runs = rng.random() < 0.6
        for index in range(rng.choice((15, 20, 45))):
            if runs and index % 3 == 0:
                run = self.run(self.moment(self.day, 7), 40, self.usual_m * 8 // 10)
                if rng.random() < 0.4:
                    self.report(run.at + timedelta(minutes=10), level, Onset.AFTER_RUN)
            if rng.random() < 0.6:
                self.report(self.moment(self.day, 12, 30), rng.choice((level, level, level, 0)))
            self.day += 1
        if rng.random() < 0.5:
            self.clinic()

    def red_flag(self) -> None:
        """A symptom answered `true`, often with a clinician some days later."""
        rng = self.rng
        names = rng.choice((EMERGENCY_SYMPTOMS, URGENT_SYMPTOMS, HISTORY_SYMPTOMS, SPORT_SYMPTOMS, OTHER_SYMPTOMS))
        answers = {rng.choice(sorted(names)): True}
        if rng.random() < 0.3:
            answers = {**ALL_NO, **answers}
        score = rng.choice((0, 0, 0, 1, 2, None))
        self.report(self.moment(self.day), score, rng.choice(list(Onset)), symptoms=answers)
        self.day += rng.choice((0, 0, 1, 5, 8))
        if rng.random() < 0.8:
            self.clinic()

    def mistake(self) -> None:
        """A flag raised by mistake and taken back, in time or not, with all eight answers or without one."""
        rng = self.rng
        wrong = self.report(self.moment(self.day, 8, 0), rng.choice((0, 1)), symptoms={"chest_pain": True})
        right = dict(ALL_NO)
        if rng.random() < 0.2:
            right.pop("both_legs")
        self.report(wrong.at + timedelta(hours=rng.choice((0, 1, 2))), 0, symptoms=right)
        self._take_back(wrong, timedelta(hours=rng.choice((2, 3, 24, 25))))
        self.day += 1

    def _take_back(self, item: Input, wait: timedelta) -> None:
        self.items.append(
            Withdrawal(event_id=f"w{self._id()}", athlete=ATHLETE, at=item.at + wait, target=item.event_id)
        )

    def clinic(self) -> None:
        """A clinician's assessment, then mostly the way R1 describes."""
        self.confirm(self.moment(self.day), ConfirmationKind.ASSESSED_BY_CLINICIAN)
        self.day += self.rng.choice((0, 1, 1))
        if self.rng.random() < 0.7:
            self.recovery()
            self.graded_return()

    def silence(self) -> None:
        """Nothing but zeros at most 3 days apart: ends C2 and episodes."""
        for _ in range(self.rng.randint(4, 10)):
            self.report(self.moment(self.day), 0)
            self.day += self.rng.choice((1, 2, 3, 3))

    # ---- things that come at any time

    def _sprinkle(self) -> None:
        rng = self.rng
        for day in range(self.days):
            if self.keeps_wellness and rng.random() < 0.85:
                self._wellness(day)
            if rng.random() < 0.02:
                self.confirm(self.moment(day), ConfirmationKind.OVERRIDE_SOFT_REST)
            if rng.random() < 0.004:
                self.confirm(self.moment(day), ConfirmationKind.ASSESSED_BY_CLINICIAN)
            if rng.random() < 0.01:
                self.report(self.moment(day), self.score(), rng.choice(list(Onset)))
        for item in rng.sample(self.items, min(3, len(self.items))):
            kind = rng.choice(list(ConfirmationKind))
            if rng.random() < 0.5:
                self.confirm(item.at, kind)
            else:
                self.report(item.at, self.score(2), rng.choice(list(Onset)))

    def _wellness(self, day: int) -> None:
        rng = self.rng
        at = self.moment(day, 7, 0)
        tired = (day // 9) % 4 == 3
        self.items.append(
            WellnessReading(
                event_id=self._id(),
                athlete=ATHLETE,
                at=at,
                date=(self.first_day + timedelta(days=day)).isoformat(),
                hrv_rmssd_ms=float(self.usual_hrv + rng.randint(-6, 6) - (8 if tired else 0)),
                sleep_s=rng.choice((None, 5 * 3600, 6 * 3600, 7 * 3600, 8 * 3600)),
                soreness=rng.choice((None, 1, 2, 2, 3, 3, 3, 3, 4, 5)) if rng.random() < 0.4 else None,
            )
        )

    def _withdraw_some(self) -> None:
        rng = self.rng
        for item in rng.sample(self.items, min(rng.choice((0, 0, 0, 1, 2)), len(self.items))):
            wait = timedelta(hours=rng.choice((0, 1, 3, 12, 24, 25, 100)), minutes=rng.choice((0, 1)))
            if rng.random() < 0.3:
                self.report(item.at + wait / 2, 0, symptoms=dict(ALL_NO))
            self._take_back(item, wait)
