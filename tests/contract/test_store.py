"""What every store must do. `store_rows.PLACES` names the stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from runback_hub.hub.ports import (
    Changes,
    KnownInput,
    OutboxRow,
    RejectedRow,
    RetainedRow,
    Store,
    StoreError,
)
from runback_hub.model.inputs import InputKind

from .store_rows import (
    NOON,
    PLACES,
    athlete_row,
    log_row,
    minute,
    opened,
    outbox_row,
    rejected_row,
    snapshot_row,
)


@pytest.fixture(params=PLACES.values(), ids=list(PLACES))
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    made: Callable[[], Store] = request.param(tmp_path)
    return made


@pytest.fixture
async def store(make_store: Callable[[], Store]) -> AsyncIterator[Store]:
    async with opened(make_store()) as open_store:
        yield open_store


async def test_new_store_is_empty(store: Store) -> None:
    assert list(await store.read_log("alex")) == []
    assert await store.read_athlete("alex") is None
    assert list(await store.read_athletes()) == []
    assert await store.snapshot_before("alex", NOON, "f1") is None
    assert await store.next_review_at() is None
    assert await store.last_outbox_id() == 0
    assert list(await store.read_outbox(after=0, limit=10)) == []
    assert await store.read_retained("runback/alex/in/run") is None
    assert list(await store.read_rejected(limit=10)) == []
    counts = await store.counts()
    assert (counts.inputs, counts.rejected, counts.outbox, counts.athletes) == (0, 0, 0, 0)


async def test_every_field_of_every_row_comes_back(store: Store, make_store: Callable[[], Store]) -> None:
    run = replace(
        log_row("e1", at=minute(1) + timedelta(microseconds=1), content_key="k", body='{"note": "ü\U0001f3c3"}'),
        historical=True,
        arrived_at=minute(99),
        order=2,
        kind=InputKind.PAIN,
    )
    refused = replace(rejected_row("no JSON"), excerpt="{oops")
    assessed = athlete_row(version=7, review_at=minute(5), status='{"state": "easy"}')
    snapshot = snapshot_row(minute(2), state="{}")
    message = OutboxRow(row_id=9, topic="reply/1", payload=b"\x00\xff", retain=False, athlete=None, correlation=b"\x01")
    held = RetainedRow(topic="runback/alex/in/run", payload_sha256="ab")
    await store.commit(
        Changes(
            inputs=[run],
            rejected=[refused],
            athletes=[assessed],
            snapshots=[snapshot],
            outbox=[message, outbox_row(10)],
            retained=[held],
        )
    )
    await store.close()
    async with opened(make_store()) as again:
        assert list(await again.read_log("alex")) == [run]
        assert list(await again.read_rejected(limit=5)) == [refused]
        assert await again.read_athlete("alex") == assessed
        assert await again.snapshot_before("alex", minute(3), "f1") == snapshot
        assert list(await again.read_outbox(after=0, limit=5)) == [message, outbox_row(10)]
        assert await again.read_retained(held.topic) == held


async def test_moments_are_exact_whatever_their_zone_and_century(store: Store) -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    moments = [
        datetime(1905, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=east),
        datetime(2191, 7, 1, 23, 59, 59, 123_457, tzinfo=UTC),
    ]
    await store.commit(Changes(inputs=[log_row(str(n), at=at) for n, at in enumerate(moments)]))
    stored = [row.at for row in await store.read_log("alex")]
    assert stored == moments
    assert {at.tzinfo for at in stored} == {UTC}


async def test_an_empty_batch_changes_nothing(store: Store) -> None:
    await store.commit(Changes())
    assert (await store.counts()).inputs == 0


async def test_known_input_is_left_as_it_is(store: Store) -> None:
    first = log_row("e1", body="first")
    await store.commit(Changes(inputs=[first]))
    await store.commit(Changes(inputs=[log_row("e1", body="second", at=minute(9)), log_row("e2")]))
    await store.commit(Changes(inputs=[log_row("e3", body="a"), log_row("e3", body="b")]))
    log = await store.read_log("alex")
    assert {row.event_id: row.body for row in log} == {
        "e1": "first",
        "e2": '{"type": "run"}',
        "e3": "a",
    }


async def test_same_event_id_of_two_athletes_is_two_inputs(store: Store) -> None:
    await store.commit(Changes(inputs=[log_row("e1"), log_row("e1", athlete="kim")]))
    assert (await store.counts()).inputs == 2
    assert [row.athlete for row in await store.read_log("kim")] == ["kim"]


async def test_known_inputs_finds_exactly_the_pairs_asked_for(store: Store) -> None:
    await store.commit(Changes(inputs=[log_row("e1"), log_row("e2", athlete="kim", at=minute(3)), log_row("e3")]))
    found = await store.known_inputs(
        [("alex", "e1"), ("alex", "e2"), ("kim", "e2"), ("kim", "e2"), ("sam", "e3"), ("alex", "e1\x00")]
    )
    assert len(found) == 2
    assert set(found) == {
        KnownInput(athlete="alex", event_id="e1", kind=InputKind.RUN, at=NOON),
        KnownInput(athlete="kim", event_id="e2", kind=InputKind.RUN, at=minute(3)),
    }
    assert list(await store.known_inputs([])) == []


async def test_known_inputs_takes_an_import_worth_of_pairs(store: Store) -> None:
    await store.commit(Changes(inputs=[log_row(f"e{n}") for n in range(0, 2500, 2)]))
    found = await store.known_inputs([("alex", f"e{n}") for n in range(2500)])
    assert {known.event_id for known in found} == {f"e{n}" for n in range(0, 2500, 2)}


async def test_same_content_is_the_newest_arrival_since(store: Store) -> None:
    await store.commit(
        Changes(
            inputs=[
                log_row("late", arrived_at=minute(8), content_key="k"),
                log_row("early", arrived_at=minute(2), content_key="k"),
                log_row("other", arrived_at=minute(9), content_key="x"),
                log_row("none", arrived_at=minute(9)),
                log_row("kims", athlete="kim", arrived_at=minute(9), content_key="k"),
            ]
        )
    )
    assert await store.same_content("alex", "k", minute(0)) == "late"
    assert await store.same_content("alex", "k", minute(8)) == "late"
    assert await store.same_content("alex", "k", minute(8.001)) is None
    assert await store.same_content("alex", "unknown", minute(0)) is None


async def test_log_is_ordered_by_moment_then_order_then_id(store: Store) -> None:
    await store.commit(
        Changes(
            inputs=[
                log_row("b", at=minute(1), order=2),
                log_row("c", at=minute(0), order=9),
                log_row("z", at=minute(1), order=1),
                log_row("a", at=minute(1), order=2),
            ]
        )
    )
    await store.commit(Changes(inputs=[log_row("late", at=minute(-1))]))
    assert [row.event_id for row in await store.read_log("alex")] == ["late", "c", "z", "a", "b"]


async def test_log_window_leaves_out_its_start_and_holds_its_end(store: Store) -> None:
    await store.commit(Changes(inputs=[log_row(str(n), at=minute(n)) for n in range(5)]))
    window = await store.read_log("alex", after=minute(1), until=minute(3))
    assert [row.event_id for row in window] == ["2", "3"]
    assert [row.event_id for row in await store.read_log("alex", after=minute(3))] == ["4"]
    assert [row.event_id for row in await store.read_log("alex", until=minute(0))] == ["0"]


async def test_older_assessment_never_overwrites_a_newer_one(store: Store) -> None:
    await store.commit(Changes(athletes=[athlete_row(version=5, status="five", review_at=minute(5))]))
    await store.commit(Changes(athletes=[athlete_row(version=4, status="four")]))
    await store.commit(Changes(athletes=[athlete_row(version=5, status="five again")]))
    assert await store.read_athlete("alex") == athlete_row(version=5, status="five", review_at=minute(5))
    await store.commit(Changes(athletes=[athlete_row(version=7, status="seven"), athlete_row(version=6, status="six")]))
    assert await store.read_athlete("alex") == athlete_row(version=7, status="seven")


async def test_athletes_are_sorted(store: Store) -> None:
    await store.commit(Changes(athletes=[athlete_row(name) for name in ("kim", "alex", "zoe")]))
    assert list(await store.read_athletes()) == ["alex", "kim", "zoe"]


async def test_snapshot_before_is_strictly_earlier_and_of_the_same_fingerprint(store: Store) -> None:
    await store.commit(
        Changes(
            snapshots=[
                snapshot_row(minute(1), state="one"),
                snapshot_row(minute(2), state="two"),
                snapshot_row(minute(3), state="foreign", fingerprint="f2"),
                snapshot_row(minute(3), state="kims", athlete="kim"),
            ]
        )
    )
    assert await store.snapshot_before("alex", minute(9), "f1") == snapshot_row(minute(2), state="two")
    assert await store.snapshot_before("alex", minute(2), "f1") == snapshot_row(minute(1), state="one")
    assert await store.snapshot_before("alex", minute(1), "f1") is None


async def test_a_snapshot_of_the_same_moment_is_replaced(store: Store) -> None:
    await store.commit(Changes(snapshots=[snapshot_row(minute(1), state="old")]))
    await store.commit(Changes(snapshots=[snapshot_row(minute(1), state="new")]))
    assert await store.snapshot_before("alex", minute(2), "f1") == snapshot_row(minute(1), state="new")


async def test_stale_snapshots_go_before_new_ones_come(store: Store) -> None:
    await store.commit(
        Changes(
            snapshots=[snapshot_row(minute(n), state="old") for n in (1, 2, 3)]
            + [snapshot_row(minute(2), state="kims", athlete="kim")]
            + [snapshot_row(minute(3), state="old", fingerprint="f2")]
        )
    )
    await store.commit(Changes(stale_snapshots=[("alex", minute(2))], snapshots=[snapshot_row(minute(4), state="new")]))
    assert await store.snapshot_before("alex", minute(4), "f1") == snapshot_row(minute(1), state="old")
    assert await store.snapshot_before("alex", minute(9), "f1") == snapshot_row(minute(4), state="new")
    assert await store.snapshot_before("alex", minute(9), "f2") is None
    assert await store.snapshot_before("kim", minute(9), "f1") is not None


async def test_due_athletes_come_earliest_first(store: Store) -> None:
    await store.commit(
        Changes(
            athletes=[
                athlete_row("alex", review_at=minute(5)),
                athlete_row("kim", review_at=minute(3)),
                athlete_row("sam", review_at=minute(5.001)),
                athlete_row("zoe"),
                athlete_row("bo", review_at=minute(5)),
            ]
        )
    )
    assert list(await store.due_athletes(minute(5), 10)) == ["kim", "alex", "bo"]
    assert list(await store.due_athletes(minute(5), 2)) == ["kim", "alex"]
    assert list(await store.due_athletes(minute(2), 10)) == []
    assert await store.next_review_at() == minute(3)
    await store.commit(Changes(athletes=[athlete_row("kim", version=2)]))
    assert await store.next_review_at() == minute(5)


async def test_outbox_is_read_in_order_and_in_pages(store: Store) -> None:
    await store.commit(Changes(outbox=[outbox_row(n) for n in (3, 1, 2)]))
    assert [row.row_id for row in await store.read_outbox(after=0, limit=2)] == [1, 2]
    assert [row.row_id for row in await store.read_outbox(after=2, limit=2)] == [3]
    await store.commit(Changes(sent=[2]))
    assert [row.row_id for row in await store.read_outbox(after=0, limit=9)] == [1, 3]


@pytest.mark.parametrize("sent", [[1, 2, 3], [3, 2, 1], [3], [1]])
async def test_outbox_ids_are_never_used_again(store: Store, make_store: Callable[[], Store], sent: list[int]) -> None:
    await store.commit(Changes(outbox=[outbox_row(n) for n in (1, 2, 3)]))
    await store.commit(Changes(sent=sent))
    assert await store.last_outbox_id() == 3
    await store.close()
    async with opened(make_store()) as again:
        assert await again.last_outbox_id() == 3
        await again.commit(Changes(outbox=[outbox_row(4)], sent=[4]))
        assert await again.last_outbox_id() == 4
        await again.commit(Changes(sent=[1, 2, 3]))
        assert await again.last_outbox_id() == 4


async def test_forgetting_the_last_message_does_not_free_its_id(store: Store) -> None:
    await store.commit(Changes(outbox=[outbox_row(1, athlete=None), outbox_row(2)]))
    await store.forget("alex")
    assert [row.row_id for row in await store.read_outbox(after=0, limit=9)] == [1]
    assert await store.last_outbox_id() == 2


async def test_retained_inputs_are_replaced_and_cleared(store: Store) -> None:
    topic = "runback/alex/in/run"
    await store.commit(Changes(retained=[RetainedRow(topic=topic, payload_sha256="one")]))
    await store.commit(Changes(retained=[RetainedRow(topic=topic, payload_sha256="two")]))
    assert await store.read_retained(topic) == RetainedRow(topic=topic, payload_sha256="two")
    await store.commit(Changes(cleared_retained=[topic, "never/held"]))
    assert await store.read_retained(topic) is None


async def test_rejections_are_read_newest_first(store: Store) -> None:
    def numbered(number: int) -> RejectedRow:
        return replace(rejected_row(str(number)), arrived_at=minute(number))

    await store.commit(Changes(rejected=[numbered(1), numbered(2)]))
    await store.commit(Changes(rejected=[numbered(3)]))
    assert list(await store.read_rejected(limit=2)) == [numbered(3), numbered(2)]


async def test_counts(store: Store) -> None:
    await store.commit(
        Changes(
            inputs=[log_row("e1"), log_row("e2"), log_row("e2")],
            rejected=[rejected_row("no")],
            athletes=[athlete_row()],
            outbox=[outbox_row(n) for n in range(1, 5)],
            sent=[1],
        )
    )
    counts = await store.counts()
    assert (counts.inputs, counts.rejected, counts.outbox, counts.athletes) == (2, 1, 3, 1)
    assert counts.size_bytes > 0


async def test_a_batch_that_fails_leaves_nothing_and_the_store_usable(store: Store) -> None:
    await store.commit(Changes(outbox=[outbox_row(1)], snapshots=[snapshot_row(minute(1))], athletes=[athlete_row()]))
    with pytest.raises(StoreError) as failure:
        await store.commit(
            Changes(
                stale_snapshots=[("alex", minute(0))],
                inputs=[log_row("e1")],
                rejected=[rejected_row("no")],
                athletes=[athlete_row(version=2)],
                outbox=[outbox_row(2), outbox_row(1)],
                sent=[1],
            )
        )
    assert not failure.value.transient
    assert failure.value.__cause__ is not None
    counts = await store.counts()
    assert (counts.inputs, counts.rejected, counts.outbox, counts.athletes) == (0, 0, 1, 1)
    assert await store.read_athlete("alex") == athlete_row()
    assert await store.snapshot_before("alex", minute(2), "f1") is not None
    assert await store.last_outbox_id() == 1
    await store.commit(Changes(inputs=[log_row("e1")], outbox=[outbox_row(2)]))
    assert (await store.counts()).inputs == 1


@pytest.mark.parametrize(
    "bad",
    [
        Changes(inputs=[log_row("e1"), log_row("e\ud800")]),
        Changes(inputs=[log_row("e1"), log_row("e2", order=2**70)]),
    ],
    ids=["lone surrogate", "huge number"],
)
async def test_a_value_no_database_takes_is_refused_whole(store: Store, bad: Changes) -> None:
    with pytest.raises(StoreError) as failure:
        await store.commit(bad)
    assert not failure.value.transient
    assert (await store.counts()).inputs == 0


async def test_forget_removes_one_athlete_and_nobody_else(store: Store) -> None:
    async def fill(athlete: str, first_id: int) -> None:
        await store.commit(
            Changes(
                inputs=[log_row("e1", athlete=athlete)],
                rejected=[rejected_row("no", athlete=athlete, topic=f"runback/{athlete}/in/run")],
                athletes=[athlete_row(athlete, review_at=minute(1))],
                snapshots=[snapshot_row(minute(1), athlete=athlete)],
                outbox=[outbox_row(first_id, athlete=athlete)],
                retained=[RetainedRow(topic=f"runback/{athlete}/in/run", payload_sha256="ab")],
            )
        )

    for number, name in enumerate(("alex", "kim", "alex2"), start=1):
        await fill(name, number)
    await store.forget("alex")
    assert list(await store.read_log("alex")) == []
    assert await store.read_athlete("alex") is None
    assert await store.snapshot_before("alex", minute(9), "f1") is None
    assert await store.read_retained("runback/alex/in/run") is None
    assert [row.athlete for row in await store.read_outbox(after=0, limit=9)] == ["kim", "alex2"]
    assert [row.athlete for row in await store.read_rejected(limit=9)] == ["alex2", "kim"]
    assert list(await store.due_athletes(minute(2), 9)) == ["alex2", "kim"]
    for name in ("kim", "alex2"):
        assert len(await store.read_log(name)) == 1
        assert await store.snapshot_before(name, minute(9), "f1") is not None
        assert await store.read_retained(f"runback/{name}/in/run") is not None


async def test_forget_finds_topics_that_name_the_athlete(store: Store) -> None:
    own, foreign = "home/runback/run/in/pain", "garmin/run/last"
    others = ["runback/alex/in/run", "garmin/runner/last"]
    await store.commit(
        Changes(
            retained=[RetainedRow(topic=topic, payload_sha256="ab") for topic in (own, foreign, *others)],
            rejected=[rejected_row("no", athlete=None, topic=topic) for topic in (own, foreign, *others)],
        )
    )
    await store.forget("run")
    for topic in (own, foreign):
        assert await store.read_retained(topic) is None
    for topic in others:
        assert await store.read_retained(topic) is not None
    assert {row.topic for row in await store.read_rejected(limit=9)} == set(others)


async def test_a_closed_store_refuses_in_words(make_store: Callable[[], Store]) -> None:
    store = make_store()
    with pytest.raises(StoreError, match="not open"):
        await store.counts()
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="not open"):
        await store.commit(Changes(sent=[1]))
