"""Keys and new subjects in segments: limits, the filter that takes subjects over, and how long a take-over reads."""

from uuid import uuid4

import asyncpg
import pytest

from command_api.snapshots import mark_rows, segment_rows
from command_api.snapshots.postgres_store import PostgresSnapshots
from command_api.snapshots.snapshot import Keys, Mark, Place
from command_api.snapshots.transaction import writing
from command_api.snapshots.upkeep import Upkeep
from tests.command_api.snapshots.samples import HOUR_MS, NOW_MS, begun, generation, kept, keys, mark


async def segments(postgres: asyncpg.Pool, place: Place) -> list[int]:
    """The offsets that the segments reach to."""
    query = "SELECT to_offset FROM command_api.segments WHERE generation = $1 ORDER BY to_offset"
    return [row[0] for row in await postgres.fetch(query, await generation(postgres, place))]


async def known_to_filter(postgres: asyncpg.Pool, place: Place) -> tuple[int, int]:
    """The offset up to which the filter knows, 0 without one, and how many it is said to know."""
    row = await postgres.fetchrow("SELECT * FROM command_api.snapshots WHERE topic = $1", place.topic)
    assert row is not None
    return row["filter_to"], row["filtered"]


@pytest.mark.parametrize(
    ("hours", "most", "expected"),
    [
        (24, 100, ["k1", "k2", "k3"]),
        (4, 100, ["k2", "k3"]),
        (0.5, 100, []),
        (24, 31, ["k1", "k2", "k3"]),
        (24, 30, ["k2", "k3"]),
        (24, 11, ["k2", "k3"]),
        (24, 10, ["k3"]),
        (24, 1, ["k3"]),
        (24, 0, []),
    ],
)
async def test_of_the_newest_segments_as_many_come_as_reach_the_limit(
    store: PostgresSnapshots, place: Place, hours: float, most: int, expected: list[str]
) -> None:
    await store.save(place, None, mark(10), [], keys("k1", 10, hours_old=5))
    await store.save(place, mark(10), mark(20), [], keys("k2", 20, hours_old=3))
    await store.save(place, mark(20), mark(30), [], keys("k3", 10, hours_old=1))
    await store.save(place, mark(30), mark(40), [], None)
    base = await store.begin(place, keys_since_ms=NOW_MS - round(hours * HOUR_MS), most_keys=most)
    assert base is not None
    assert [given.packed.decode() for given in base.keys] == expected


async def test_old_segments_are_deleted_once_the_filter_knows_their_subjects(
    postgres: asyncpg.Pool, place: Place
) -> None:
    store = PostgresSnapshots(postgres, upkeep=Upkeep(prune_after=4, key_hours=24, most_keys=1_000))
    await store.save(place, None, mark(10), [kept("a")], keys("k1", hours_old=30))
    await store.save(place, mark(10), mark(20), [kept("b")], keys("k2", hours_old=25))
    await store.save(place, mark(20), mark(30), [kept("c")], keys("k3", hours_old=23))
    assert await segments(postgres, place) == [10, 20, 30]
    await store.save(place, mark(30), mark(40), [kept("d")], keys("k4"))
    assert await segments(postgres, place) == [30, 40]
    assert await known_to_filter(postgres, place) == (40, 4)
    base = await begun(store, place)
    assert [subject in base.known for subject in "abcde"] == [True] * 4 + [False]
    assert [given.packed for given in base.keys] == [b"k3", b"k4"]


async def test_segments_beyond_the_most_keys_are_deleted(postgres: asyncpg.Pool, place: Place) -> None:
    store = PostgresSnapshots(postgres, upkeep=Upkeep(prune_after=3, most_keys=20))
    await store.save(place, None, mark(10), [], keys("k1", 10))
    await store.save(place, mark(10), mark(20), [], keys("k2", 10))
    await store.save(place, mark(20), mark(30), [], keys("k3", 15))
    assert await segments(postgres, place) == [20, 30]
    assert [given.packed for given in (await begun(store, place)).keys] == [b"k2", b"k3"]
    await store.save(place, mark(30), mark(40), [], keys("k4", 20))
    await store.save(place, mark(40), mark(50), [], None)
    assert await segments(postgres, place) == [20, 30, 40, 50]  # not at every save
    await store.save(place, mark(50), mark(60), [], None)
    assert await segments(postgres, place) == [40, 50, 60]


async def test_a_segment_whose_subjects_no_filter_knows_is_never_deleted(
    postgres: asyncpg.Pool, store: PostgresSnapshots, place: Place
) -> None:
    await store.save(place, None, mark(10), [], keys("k1", hours_old=30))
    await store.save(place, mark(10), mark(20), [kept("a")], keys("k2", hours_old=30))
    await store.save(place, mark(20), mark(30), [], keys("k3", hours_old=30))
    async with writing(postgres, 3.0) as connection:
        row = await mark_rows.lock(connection, place)
        assert row is not None
        pruned = await segment_rows.prune(connection, row, NOW_MS - 24 * HOUR_MS, 1_000)
        await mark_rows.write(connection, pruned)
    assert await segments(postgres, place) == [20, 30]
    base = await begun(store, place)
    assert (base.mark, "a" in base.known) == (mark(30), True)


async def test_when_nothing_is_needed_any_more_no_segment_is_left(postgres: asyncpg.Pool, place: Place) -> None:
    store = PostgresSnapshots(postgres, upkeep=Upkeep(prune_after=2))
    await store.save(place, None, mark(10), [kept("a")], keys("k1", hours_old=25))
    await store.save(place, mark(10), mark(20), [kept("b")], None)
    assert await segments(postgres, place) == []
    assert {"a", "b"} == {subject for subject in ("a", "b", "c") if subject in (await begun(store, place)).known}
    await store.save(place, mark(20), mark(30), [kept("c")], None)
    base = await begun(store, place)
    assert (base.mark, "c" in base.known) == (mark(30), True)


async def test_the_filter_is_rewritten_only_when_many_are_new(
    postgres: asyncpg.Pool, store: PostgresSnapshots, place: Place
) -> None:
    sizes, written, total = (6_000, 6_000, 40_000, 10_200, 300), [], 0
    at: Mark | None = None
    for number, size in enumerate(sizes):
        before, at = at, mark(10 * (number + 1))
        await store.save(place, before, at, [kept(f"{number}-{n}") for n in range(size)], None)
        written.append(await known_to_filter(postgres, place))
        total += size
    # 10,000 while the filter is small, and a fifth of it when it is larger.
    assert written == [(0, 0), (20, 12_000), (30, 52_000), (30, 52_000), (50, 62_500)]
    base = await begun(store, place)
    assert len(base.known) == total
    assert all(f"{number}-{n}" in base.known for number, size in enumerate(sizes) for n in range(0, size, 97))


async def test_a_take_over_reads_two_hundred_thousand_keys_in_time(store: PostgresSnapshots, place: Place) -> None:
    packed = Keys(b"\xa5" * 80 * 10_000, 10_000, NOW_MS)
    for number in range(22):
        await store.save(
            place, mark(number * 10) if number else None, mark(number * 10 + 10), [kept(str(uuid4()))], packed
        )
    base = await store.begin(place, keys_since_ms=0, most_keys=200_000)  # else it would be away
    assert base is not None
    assert sum(given.count for given in base.keys) == 200_000
