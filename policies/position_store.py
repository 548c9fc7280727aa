"""Where each policy stands, in PostgreSQL: positions by compare and set, what is parked, and what was refused.

A position moves only together with what was parked and refused on the way to it, and only from where it was read, so
that the commit of a second or outdated runner changes nothing. Whoever takes parked records out counts that in the
position, and a commit proves that it knows the count: else it could park an event behind nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

from event_schemas.holder import Holder
from infra.log_batch import Position
from policies.answers import Refusal
from policies.parked_rows import insert_parked, parked_keys
from policies.refused_rows import insert_refused
from policies.sorting import Parked
from policies.tables import create_tables

_INIT = """
INSERT INTO policies.offsets (policy, topic, partition) SELECT $1, $2, unnest($3::int[]) ON CONFLICT DO NOTHING
"""
_LOAD = """
SELECT partition, next_offset, epoch, writer, unparked FROM policies.offsets
WHERE policy = $1 AND topic = $2 AND partition = ANY ($3::int[]) ORDER BY partition
"""
_MOVE = """
UPDATE policies.offsets o SET next_offset = m.next_offset, epoch = m.epoch, writer = m.writer, updated_at = now()
FROM unnest($3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
            $10::bigint[])
    AS m (partition, from_offset, from_epoch, from_writer, next_offset, epoch, writer, unparked)
WHERE o.policy = $1 AND o.topic = $2 AND o.partition = m.partition
    AND o.next_offset = m.from_offset AND o.epoch = m.from_epoch AND o.writer = m.from_writer
    AND o.unparked = m.unparked
"""


class PositionMoved(Exception):
    """The stored position is not the one that was read from: another runner is ahead, an earlier try of our own was, or
    parked records have been taken out."""


class Move(NamedTuple):
    """A partition's position before and after what was read of it."""

    partition: int
    before: Position
    after: Position
    unparked: int = 0
    """How many times parked records of it had been taken out when the parked keys were read."""


class Loaded(NamedTuple):
    """From where a policy goes on in a topic, and what it has left behind."""

    positions: Mapping[int, Position]
    unparked: Mapping[int, int]
    """By partition: how many times parked records had been taken out before ``parked_keys`` were read."""
    parked_keys: frozenset[bytes]
    parked: int
    hanging: Counter[str]


class PositionStore:
    """The tables of the schema ``policies``. Every method raises what asyncpg raises when PostgreSQL is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Make the tables unless they are there. Safe from several processes at once."""
        async with self._pool.acquire() as connection, connection.transaction():
            await create_tables(connection)

    async def load(self, policy: str, topic: str, partitions: Sequence[int]) -> Loaded:
        """The stored positions of these partitions, the beginning for those that have none yet."""
        async with self._pool.acquire() as connection:
            await connection.execute(_INIT, policy, topic, list(partitions))
            rows = await connection.fetch(_LOAD, policy, topic, list(partitions))
            positions = {
                row["partition"]: Position(row["next_offset"], Holder(row["epoch"], row["writer"])) for row in rows
            }
            # Before the keys: who knows an old count with keys that are newer is refused, and loads again.
            unparked = {row["partition"]: row["unparked"] for row in rows}
            keys, count = await parked_keys(connection, policy, topic)
            refused = await connection.fetch(
                "SELECT code, count(*) AS n FROM policies.refused WHERE policy = $1 AND topic = $2 GROUP BY code",
                policy,
                topic,
            )
        return Loaded(positions, unparked, keys, count, Counter({row["code"]: row["n"] for row in refused}))

    async def commit(
        self, policy: str, topic: str, moves: Sequence[Move], parked: Sequence[Parked], refusals: Sequence[Refusal]
    ) -> None:
        """Move the positions and keep what was parked and refused, all or nothing.

        Raises ``PositionMoved`` when one of the positions is not the one that was read from.
        """
        before = [move.before for move in moves]
        after = [move.after for move in moves]
        async with self._pool.acquire() as connection, connection.transaction():
            done = await connection.execute(
                _MOVE,
                policy,
                topic,
                [move.partition for move in moves],
                [position.next_offset for position in before],
                [position.holder.epoch for position in before],
                [position.holder.writer for position in before],
                [position.next_offset for position in after],
                [position.holder.epoch for position in after],
                [position.holder.writer for position in after],
                [move.unparked for move in moves],
            )
            if done != f"UPDATE {len(moves)}":
                raise PositionMoved(f"{policy} in {topic}: {done} of {len(moves)} positions")
            await insert_parked(connection, policy, topic, parked)
            await insert_refused(connection, policy, topic, refusals)
