"""What is damaged in the database is noticed: it costs time, and is never taken for the truth."""

from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from command_api.snapshots.postgres_store import PostgresSnapshots, snapshots_in
from command_api.snapshots.snapshot import Place, SnapshotMoved
from command_api.snapshots.upkeep import Upkeep
from infra.settings import Settings
from tests.command_api.snapshots.samples import begin, begun, generation, kept, keys, mark

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def saved(postgres: asyncpg.Pool, store: PostgresSnapshots, place: Place) -> Place:
    """A place whose snapshot has every kind of row: states, a filter, and segments after it."""
    pruning = PostgresSnapshots(postgres, upkeep=Upkeep(prune_after=2, most_keys=1))
    await pruning.save(place, None, mark(10), [kept("a")._replace(due_at=NOON), kept("b")], keys("first"))
    await pruning.save(place, mark(10), mark(20), [kept("c")], keys("second"))
    await store.save(place, mark(20), mark(30), [kept("d")], keys("third"))
    await store.save(place, mark(30), mark(40), [kept("e")], keys("fourth"))
    base = await begun(store, place)
    assert all(subject in base.known for subject in "abcde")
    assert base.keys == [keys("second"), keys("third"), keys("fourth")]
    return place


@pytest.mark.parametrize(
    "change",
    [
        "version = version + 1",
        "state = set_byte(state, 3, 0)",
        "due_at = due_at + interval '1 microsecond'",
        "due_at = NULL",
        "checksum = checksum + 1",
        "subject = 'other'",
        "generation = (SELECT generation FROM command_api.snapshots WHERE topic = $3)",
    ],
)
async def test_a_damaged_aggregate_is_left_out(
    postgres: asyncpg.Pool, store: PostgresSnapshots, saved: Place, change: str
) -> None:
    other = saved._replace(topic=f"{saved.topic}-other")
    await store.save(other, None, mark(1), [], None)
    swaps = "$3" in change
    arguments = (other.topic,) if swaps else ()
    where = "WHERE generation = $1 AND subject = $2"
    changed = await postgres.execute(
        f"UPDATE command_api.aggregates SET {change} {where}", await generation(postgres, saved), "a", *arguments
    )
    assert changed == "UPDATE 1"
    assert await store.load(other if swaps else saved, ["a", "b", "other"]) == ({} if swaps else {"b": kept("b")})


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE snapshots SET next_offset = next_offset - 10",
        "UPDATE snapshots SET epoch = epoch + 1",
        "UPDATE snapshots SET writer = 'writer-2'",
        "UPDATE snapshots SET last_id = 'another'",
        "UPDATE snapshots SET keys_from = 20",
        "UPDATE filters SET known = set_byte(known, 1000, get_byte(known, 1000) # 1)",
        "UPDATE filters SET known = substr(known, 1, 1000)",
        "UPDATE filters SET known = ''",
        "UPDATE filters SET to_offset = 30",
        "DELETE FROM filters",
        "UPDATE segments SET subjects = '[\"x\"]' WHERE to_offset = 40 AND",
        "UPDATE segments SET keys = 'fifth' WHERE to_offset = 20 AND",
        "UPDATE segments SET newest_ms = newest_ms + 1 WHERE to_offset = 30 AND",
        "UPDATE segments SET count = count + 1 WHERE to_offset = 40 AND",
        "DELETE FROM segments WHERE to_offset = 20 AND",
        "DELETE FROM segments WHERE to_offset = 30 AND",
        "DELETE FROM segments WHERE to_offset = 40 AND",
        "DELETE FROM segments",
    ],
)
async def test_a_damaged_snapshot_is_thrown_away(
    postgres: asyncpg.Pool, other_store: PostgresSnapshots, saved: Place, damage: str
) -> None:
    if not damage.endswith("AND"):
        damage += " WHERE"
    damage = damage.replace("UPDATE ", "UPDATE command_api.").replace("FROM ", "FROM command_api.")
    old = await generation(postgres, saved)
    assert (await postgres.execute(f"{damage} generation = $1", old)).split()[1] != "0"
    assert await begin(other_store, saved) is None
    await other_store.save(saved, None, mark(7), [kept("z")], None)
    base = await begun(other_store, saved)
    assert (base.mark, "a" in base.known, base.keys) == (mark(7), False, [])


async def test_a_writer_notices_a_damaged_mark(postgres: asyncpg.Pool, store: PostgresSnapshots, saved: Place) -> None:
    await postgres.execute("UPDATE command_api.snapshots SET next_offset = 39 WHERE topic = $1", saved.topic)
    with pytest.raises(SnapshotMoved):
        await store.load(saved, ["a"])
    with pytest.raises(SnapshotMoved):
        await store.due(saved, NOON, 1)
    with pytest.raises(SnapshotMoved):
        await store.save(saved, mark(40), mark(50), [], None)


async def test_a_writer_notices_that_the_database_has_lost_its_newest_commits(
    postgres: asyncpg.Pool, store: PostgresSnapshots, place: Place
) -> None:
    await store.save(place, None, mark(10), [kept("a")], None)
    columns = "next_offset, epoch, writer, last_id, unfiltered, unpruned, checksum"
    old = await postgres.fetchrow(f"SELECT {columns} FROM command_api.snapshots WHERE topic = $1", place.topic)
    assert old is not None
    await store.save(place, mark(10), mark(20), [kept("a", 2)], None)
    assert await store.load(place, ["a"]) == {"a": kept("a", 2)}
    # As a crash would have left it before the second save was on the disk.
    row = f"UPDATE command_api.snapshots SET ({columns}) = ($2, $3, $4, $5, $6, $7, $8) WHERE topic = $1"
    await postgres.execute(row, place.topic, *old)
    of = await generation(postgres, place)
    await postgres.execute("DELETE FROM command_api.segments WHERE generation = $1 AND to_offset = 20", of)
    await postgres.execute("DELETE FROM command_api.aggregates WHERE generation = $1", of)
    with pytest.raises(SnapshotMoved):
        await store.load(place, ["a"])
    with pytest.raises(SnapshotMoved):
        await store.save(place, mark(20), mark(30), [], None)
    assert (await begun(store, place)).mark == mark(10)
    assert await store.load(place, ["a"]) == {}


async def test_a_filter_that_is_found_damaged_when_it_is_rewritten_is_thrown_away_with_its_snapshot(
    postgres: asyncpg.Pool, saved: Place
) -> None:
    await postgres.execute(
        "UPDATE command_api.filters SET known = set_byte(known, 1000, 7) WHERE generation = $1",
        await generation(postgres, saved),
    )
    pruning = PostgresSnapshots(postgres, upkeep=Upkeep(prune_after=1))
    await pruning.save(saved, mark(40), mark(50), [kept("f")], None)
    with pytest.raises(SnapshotMoved):
        await pruning.load(saved, ["a"])
    assert await begin(pruning, saved) is None


async def test_tables_that_are_dropped_under_a_store_are_made_again(
    settings: Settings, postgres: asyncpg.Pool, place: Place, unique: str
) -> None:
    await postgres.execute(f"CREATE DATABASE {unique}")
    async with snapshots_in(urlunsplit(urlsplit(settings.dsn)._replace(path=f"/{unique}"))) as store:
        assert await begin(store, place) is None
        await store.save(place, None, mark(10), [kept("a")], keys("first"))
        async with store._pool.acquire() as connection:
            await connection.execute("DROP SCHEMA command_api CASCADE")
        for refused in (store.load(place, ["a"]), begin(store, place)):
            with pytest.raises(SnapshotMoved):
                await refused
        assert await begin(store, place) is None
        await store.save(place, None, mark(20), [kept("a")], keys("second"))
        assert await store.load(place, ["a"]) == {"a": kept("a")}
    await postgres.execute(f"DROP DATABASE {unique} WITH (FORCE)")
