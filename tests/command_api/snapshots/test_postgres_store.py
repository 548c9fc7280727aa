"""What every store of snapshots promises: a snapshot comes back as it was saved, and moves by compare and set."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from command_api.snapshots.postgres_store import PostgresSnapshots
from command_api.snapshots.snapshot import Kept, Mark, Place, SnapshotMoved
from command_api.snapshots.upkeep import Upkeep
from tests.command_api.snapshots.samples import begin, begun, generation, kept, keys, mark
from tests.support.poll import until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_there_is_no_snapshot_at_first(store: PostgresSnapshots, place: Place) -> None:
    assert await begin(store, place) is None
    assert await store.load(place, ["a"]) == {}
    assert await store.due(place, NOON, 10) == []


async def test_what_was_saved_is_what_another_process_begins_with(
    store: PostgresSnapshots, other_store: PostgresSnapshots, place: Place
) -> None:
    await store.save(place, None, mark(10), [kept("a"), kept("b", 2)], keys("first", 3))
    await store.save(place, mark(10), mark(15), [kept("b", 3), kept("c")], None)
    await store.save(place, mark(15), mark(20), [], keys("second", 2))
    base = await begun(other_store, place)
    assert base.mark == mark(20)
    assert base.keys == [keys("first", 3), keys("second", 2)]
    assert [subject in base.known for subject in "abcd"] == [True, True, True, False]
    assert len(base.known) == 3
    assert await other_store.load(place, ["a", "b", "c", "d"]) == {
        "a": kept("a"),
        "b": kept("b", 3),
        "c": kept("c"),
    }


async def test_any_text_and_any_bytes_come_back(store: PostgresSnapshots, place: Place) -> None:
    strange = Kept("Ключ '\"\\ \n🙂", 2**62, bytes(range(256)), datetime(2200, 1, 1, 1, 2, 3, 456_789, tzinfo=UTC))
    odd = mark(5)._replace(last_id="a\x00b\udcff")
    await store.save(place, None, odd, [strange], None)
    assert (await begun(store, place)).mark == odd
    assert await store.load(place, [strange.subject]) == {strange.subject: strange}


async def test_each_partition_has_a_snapshot_of_its_own(store: PostgresSnapshots, place: Place) -> None:
    await store.save(place, None, mark(10), [kept("a")], None)
    other = place._replace(partition=4)
    assert await begin(store, other) is None
    await store.save(other, None, mark(3), [kept("a", 7)], None)
    assert await store.load(place, ["a"]) == {"a": kept("a")}
    assert await store.load(other, ["a"]) == {"a": kept("a", 7)}


@pytest.mark.parametrize(
    "stale",
    [None, mark(9), mark(10, epoch=2), mark(10, writer="writer-2"), mark(10)._replace(last_id="another")],
    ids=["no snapshot", "another offset", "another epoch", "another writer", "another record"],
)
async def test_a_save_from_another_mark_changes_nothing(
    store: PostgresSnapshots, other_store: PostgresSnapshots, place: Place, stale: Mark | None
) -> None:
    await store.save(place, None, mark(10), [kept("a")], keys("first"))
    with pytest.raises(SnapshotMoved):
        await other_store.save(place, stale, mark(20), [kept("a", 2), kept("b")], keys("second"))
    base = await begun(store, place)
    assert (base.mark, base.keys, "b" in base.known) == (mark(10), [keys("first")], False)
    assert await store.load(place, ["a", "b"]) == {"a": kept("a")}


async def test_a_save_on_a_snapshot_that_is_not_there_makes_none(store: PostgresSnapshots, place: Place) -> None:
    with pytest.raises(SnapshotMoved):
        await store.save(place, mark(10), mark(20), [kept("a")], None)
    assert await begin(store, place) is None


@pytest.mark.parametrize("first", [None, mark(10)], ids=["from nothing", "from a snapshot"])
async def test_of_two_writers_at_once_exactly_one_saves(
    postgres: asyncpg.Pool, store: PostgresSnapshots, place: Place, first: Mark | None
) -> None:
    if first is not None:
        await store.save(place, None, first, [kept("shared")], None)
    writers = [PostgresSnapshots(postgres) for _ in range(8)]
    ends = [mark(20, epoch=n, writer=f"writer-{n}") for n in range(8)]
    outcomes = await asyncio.gather(
        *(
            writer.save(place, first, ends[n], [kept("shared", n + 2), kept(f"own-{n}")], keys(f"of-{n}"))
            for n, writer in enumerate(writers)
        ),
        return_exceptions=True,
    )
    won = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert len(won) == 1
    assert sum(isinstance(outcome, SnapshotMoved) for outcome in outcomes) == 7
    n = won[0]
    base = await begun(store, place)
    assert (base.mark, base.keys) == (ends[n], [keys(f"of-{n}")])
    loaded = await store.load(place, ["shared", *(f"own-{n}" for n in range(8))])
    assert loaded == {"shared": kept("shared", n + 2), f"own-{n}": kept(f"own-{n}")}


async def test_a_newer_version_of_an_aggregate_stays(store: PostgresSnapshots, place: Place) -> None:
    await store.save(place, None, mark(10), [kept("a", 5)], None)
    await store.save(place, mark(10), mark(11), [kept("a", 4), kept("b", 1)], None)
    assert await store.load(place, ["a", "b"]) == {"a": kept("a", 5), "b": kept("b", 1)}


async def test_a_snapshot_moves_only_forward(store: PostgresSnapshots, place: Place) -> None:
    await store.save(place, None, mark(10), [], None)
    with pytest.raises(ValueError, match="forward"):
        await store.save(place, mark(10), mark(10, epoch=2), [kept("a")], None)


@pytest.mark.parametrize("part", ["cluster", "state_version"])
async def test_a_snapshot_of_another_cluster_or_of_other_rules_is_none(
    store: PostgresSnapshots, other_store: PostgresSnapshots, place: Place, part: str
) -> None:
    await store.save(place, None, mark(10), [kept("a", 9)], keys("first"))
    other = Place(**{**place._asdict(), part: "another"})
    assert await other_store.load(other, ["a"]) == {}
    assert await begin(other_store, other) is None
    await other_store.save(other, None, mark(2), [kept("b")], None)
    assert await other_store.load(other, ["a", "b"]) == {"b": kept("b")}
    with pytest.raises(SnapshotMoved):
        await store.save(place, mark(10), mark(20), [], None)
    with pytest.raises(SnapshotMoved):
        await store.load(place, ["a"])


async def test_deadlines_come_in_their_order_and_go_with_the_states(store: PostgresSnapshots, place: Place) -> None:
    times = {name: NOON + timedelta(minutes=minutes) for name, minutes in {"c": 3, "a": 1, "d": 4, "b": 2}.items()}
    aggregates = [kept(name)._replace(due_at=at) for name, at in times.items()]
    await store.save(place, None, mark(10), [*aggregates, kept("never")], None)
    assert await store.due(place, times["c"], 10) == [(name, times[name]) for name in "abc"]
    assert await store.due(place, times["d"], 2) == [(name, times[name]) for name in "ab"]
    await store.save(place, mark(10), mark(12), [kept("a", 2), kept("b", 2)._replace(due_at=times["d"])], None)
    assert await store.due(place, times["c"], 10) == [("c", times["c"])]


async def test_a_forgotten_snapshot_is_gone_and_swept_up(
    postgres: asyncpg.Pool, store: PostgresSnapshots, place: Place
) -> None:
    await store.save(place, None, mark(6_000), [kept(f"a{n}") for n in range(6_000)], keys("first"))
    gone = await generation(postgres, place)
    await store.forget(place._replace(state_version="another"))
    assert await begin(store, place) is None
    sweeping = PostgresSnapshots(postgres, upkeep=Upkeep(sweep_after=1))
    at: Mark | None = None

    async def rows_left() -> int:
        nonlocal at
        before, at = at, mark(1 if at is None else at.position.next_offset + 1)
        await sweeping.save(place, before, at, [kept("b")], None)
        tables = ("aggregates", "segments", "filters", "discarded")
        counts = [f"(SELECT count(*) FROM command_api.{table} WHERE generation = $1)" for table in tables]
        left: int = await postgres.fetchval(f"SELECT {' + '.join(counts)}", gone)
        return left

    await until(rows_left, lambda left: left == 0)
    assert await sweeping.load(place, ["a0", "b"]) == {"b": kept("b")}


async def test_many_instances_can_prepare_at_once(postgres: asyncpg.Pool) -> None:
    await asyncio.gather(*(PostgresSnapshots(postgres).prepare() for _ in range(8)))
