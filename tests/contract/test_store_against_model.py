"""Any sequence of batches, forgetting and reopening leaves a store equal to its model in plain lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_hub.hub.ports import Changes, RetainedRow, Store

from .store_model import ModelStore
from .store_rows import PLACES, Place, athlete_row, log_row, minute, opened, outbox_row, rejected_row, snapshot_row

ATHLETES = ("alex", "kim")
EVENTS = ("e1", "e2", "e3")
CONTENTS = ("k1", "k2")
PRINTS = ("f1", "f2")
TOPICS = tuple(f"runback/{athlete}/in/run" for athlete in ATHLETES)

athletes = st.sampled_from(ATHLETES)
# Few different values, so that rows meet.
moments = st.integers(0, 4).map(minute)
inputs = st.builds(
    lambda athlete, event_id, at, order, arrived_at, content_key, body: log_row(
        event_id,
        athlete=athlete,
        at=at,
        order=order,
        arrived_at=arrived_at,
        content_key=content_key,
        body=body,
    ),
    athletes,
    st.sampled_from(EVENTS),
    moments,
    st.integers(0, 2),
    moments,
    st.none() | st.sampled_from(CONTENTS),
    st.text(st.characters(codec="utf-8"), max_size=3),
)
assessments = st.builds(
    lambda athlete, version, review_at: athlete_row(athlete, version=version, review_at=review_at),
    athletes,
    st.integers(0, 5),
    st.none() | moments,
)
snapshots = st.builds(
    lambda athlete, at, fingerprint, state: snapshot_row(at, athlete=athlete, fingerprint=fingerprint, state=state),
    athletes,
    moments,
    st.sampled_from(PRINTS),
    st.sampled_from("xyz"),
)
retained = st.builds(
    lambda topic, sha: RetainedRow(topic=topic, payload_sha256=sha),
    st.sampled_from(TOPICS),
    st.sampled_from("ab"),
)


Row = TypeVar("Row")


@dataclass(frozen=True)
class Batch:
    """One commit. Outbox ids are given out while it runs; `sent` picks from those given out so far."""

    changes: Changes
    messages: list[str]
    sent: list[int]


@dataclass(frozen=True)
class Forget:
    athlete: str


@dataclass(frozen=True)
class Reopen:
    pass


def some(rows: st.SearchStrategy[Row]) -> st.SearchStrategy[list[Row]]:
    return st.lists(rows, max_size=3)


batches = st.builds(
    Batch,
    st.builds(
        Changes,
        inputs=some(inputs),
        rejected=some(
            st.builds(lambda athlete, detail: rejected_row(detail, athlete=athlete), athletes, st.text("ab"))
        ),
        athletes=some(assessments),
        stale_snapshots=some(st.tuples(athletes, moments)),
        snapshots=some(snapshots),
        retained=some(retained),
        cleared_retained=some(st.sampled_from(TOPICS)),
    ),
    some(athletes),
    some(st.integers(0, 20)),
)
operations = st.lists(st.one_of(batches, batches, batches, st.builds(Forget, athletes), st.builds(Reopen)), max_size=8)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@settings(max_examples=40, deadline=None)
@given(steps=operations)
async def test_store_equals_its_model(place: Place, steps: list[Batch | Forget | Reopen]) -> None:
    model = ModelStore()
    with TemporaryDirectory() as folder:
        store = place(Path(folder))()
        async with opened(store):
            for step in steps:
                match step:
                    case Reopen():
                        await store.close()
                        await store.open()
                    case Forget(athlete):
                        await store.forget(athlete)
                        model.forget(athlete)
                    case Batch():
                        changes = numbered(step, model.last_id)
                        await store.commit(changes)
                        model.commit(changes)
                await assert_equal(store, model)


def numbered(batch: Batch, last_id: int) -> Changes:
    """The batch with the next outbox ids, in the order of its messages."""
    outbox = [outbox_row(last_id + n, athlete=athlete) for n, athlete in enumerate(batch.messages, start=1)]
    given_out = last_id + len(outbox)
    return replace(batch.changes, outbox=outbox, sent=[row_id for row_id in batch.sent if row_id <= given_out])


async def assert_equal(store: Store, model: ModelStore) -> None:
    """Every question of the port has the same answer."""
    keys = list(product(ATHLETES, EVENTS))
    assert set(await store.known_inputs(keys)) == model.known_inputs(keys)
    for athlete, content, at in product(ATHLETES, CONTENTS, (minute(0), minute(3))):
        assert await store.same_content(athlete, content, at) == model.same_content(athlete, content, at)
    for athlete, after, until in product(ATHLETES, (None, minute(1)), (None, minute(3))):
        log = await store.read_log(athlete, after=after, until=until)
        assert list(log) == model.read_log(athlete, after, until)
    for athlete, at, fingerprint in product(ATHLETES, (minute(2), minute(9)), PRINTS):
        found = await store.snapshot_before(athlete, at, fingerprint)
        assert found == model.snapshot_before(athlete, at, fingerprint)
    for athlete in ATHLETES:
        assert await store.read_athlete(athlete) == model.athletes.get(athlete)
    assert list(await store.read_athletes()) == sorted(model.athletes)
    assert list(await store.due_athletes(minute(2), 1)) == model.due_athletes(minute(2), 1)
    assert list(await store.due_athletes(minute(9), 9)) == model.due_athletes(minute(9), 9)
    assert await store.next_review_at() == model.next_review_at()
    assert await store.last_outbox_id() == model.last_id
    assert list(await store.read_outbox(after=0, limit=99)) == model.read_outbox(0, 99)
    assert list(await store.read_outbox(after=2, limit=2)) == model.read_outbox(2, 2)
    for topic in TOPICS:
        assert await store.read_retained(topic) == model.retained.get(topic)
    assert list(await store.read_rejected(limit=2)) == model.rejected[::-1][:2]
    counts = await store.counts()
    assert (counts.inputs, counts.rejected) == (len(model.inputs), len(model.rejected))
    assert (counts.outbox, counts.athletes) == (len(model.outbox), len(model.athletes))
