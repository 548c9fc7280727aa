"""Positions in PostgreSQL: they move by compare and set, together with what was parked and refused."""

import asyncpg
import pytest

from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from infra.log_batch import START, Position
from infra.settings import Settings
from policies.answers import Refusal
from policies.bulk_line import BulkLine
from policies.dead_letters.listing import dead_letter
from policies.position_store import Move, PositionMoved, PositionStore
from policies.sorting import Parked

AT_SEVEN = Position(7, Holder(2, "writer-2"))
AT_NINE = Position(9, Holder(2, "writer-2"))
HEADERS = [("ce_type", b"order.placed.v1"), ("odd\x00name", b"\x00\xff")]
PARKED = Parked(LogRecord("orders", 0, 5, 0, b"order-1", b"{", HEADERS), "invalid_event_value", "not \x00 JSON")
REFUSAL = Refusal(
    BulkLine("7b0f9d1e-2d0b-4a52-9a35-3b6d1e0f4c11", "A", "ReserveStock", b'{"key":"k"}'),
    422,
    "validation_failed",
    "no",
)


@pytest.fixture
async def store(postgres: asyncpg.Pool) -> PositionStore:
    made = PositionStore(postgres)
    await made.prepare()
    return made


async def test_a_policy_begins_at_the_beginning_of_every_partition(store: PositionStore, unique: str) -> None:
    loaded = await store.load(unique, "orders", [0, 1])
    assert loaded.positions == {0: START, 1: START}
    assert (loaded.parked_keys, loaded.parked, loaded.hanging.total()) == (frozenset(), 0, 0)


async def test_a_position_moves_with_its_holder_and_with_what_was_left_behind(
    store: PositionStore, unique: str
) -> None:
    await store.load(unique, "orders", [0, 1])
    await store.commit(unique, "orders", [Move(0, START, AT_SEVEN)], [PARKED], [REFUSAL])
    loaded = await store.load(unique, "orders", [0, 1])
    assert loaded.positions == {0: AT_SEVEN, 1: START}
    assert (loaded.parked_keys, loaded.parked) == (frozenset({b"order-1"}), 1)
    assert loaded.hanging == {"validation_failed": 1}


@pytest.mark.parametrize(
    "stale",
    [START, Position(7, Holder(1, "writer-2")), Position(7, Holder(2, "writer-1"))],
    ids=["another offset", "another epoch", "another writer"],
)
async def test_a_commit_from_another_position_changes_nothing(
    store: PositionStore, unique: str, stale: Position
) -> None:
    await store.load(unique, "orders", [0, 1])
    await store.commit(unique, "orders", [Move(0, START, AT_SEVEN)], [], [])
    with pytest.raises(PositionMoved):
        await store.commit(unique, "orders", [Move(1, START, AT_NINE), Move(0, stale, AT_NINE)], [PARKED], [REFUSAL])
    loaded = await store.load(unique, "orders", [0, 1])
    assert loaded.positions == {0: AT_SEVEN, 1: START}
    assert (loaded.parked, loaded.hanging.total()) == (0, 0)


async def test_the_same_commit_twice_counts_once(store: PositionStore, unique: str) -> None:
    await store.load(unique, "orders", [0])
    await store.commit(unique, "orders", [Move(0, START, AT_SEVEN)], [], [])
    with pytest.raises(PositionMoved):
        await store.commit(unique, "orders", [Move(0, START, AT_SEVEN)], [], [])


async def test_each_policy_and_topic_has_positions_of_its_own(store: PositionStore, unique: str) -> None:
    await store.load(unique, "orders", [0])
    await store.commit(unique, "orders", [Move(0, START, AT_SEVEN)], [], [])
    assert (await store.load(unique, "stock", [0])).positions == {0: START}
    assert (await store.load(f"{unique}-other", "orders", [0])).positions == {0: START}


async def test_tables_of_an_older_release_gain_what_a_retry_needs_and_keep_what_is_parked(own: Settings) -> None:
    async with asyncpg.create_pool(own.dsn, min_size=1, max_size=2) as pool:
        store = PositionStore(pool)
        await store.prepare()
        await store.load("buy", "orders", [0])
        await store.commit("buy", "orders", [Move(0, START, AT_SEVEN)], [PARKED], [])
        await pool.execute(
            """
            ALTER TABLE policies.offsets DROP COLUMN unparked;
            ALTER TABLE policies.parked DROP COLUMN appended_ms, DROP COLUMN attempts;
            DROP TABLE policies.audit, policies.dropped;
            COMMENT ON SCHEMA policies IS NULL;
            UPDATE policies.parked SET parked_at = to_timestamp(1300000000);
            """
        )
        await store.prepare()
        assert (await store.load("buy", "orders", [0])).unparked == {0: 0}
        letter = await dead_letter(pool, "buy", ("orders", 0, 5))
    assert letter is not None
    assert (letter.parked.record.appended_ms, letter.parked.attempts) == (1_300_000_000_000, 1)
    assert letter.parked.record.value == PARKED.record.value
