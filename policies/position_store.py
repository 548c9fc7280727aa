"""Where each policy stands, in PostgreSQL: positions by compare and set, what is parked, and what was refused.

A position moves only together with what was parked and refused on the way to it, and only from where it was read, so
that the commit of a second or outdated runner changes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

from event_schemas.holder import Holder
from infra.log_batch import Position
from policies.answers import Refusal
from policies.parked_rows import insert_parked, parked_keys
from policies.sorting import Parked

DDL = """
CREATE SCHEMA IF NOT EXISTS policies;
CREATE TABLE IF NOT EXISTS policies.offsets (
    policy text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    writer text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (policy, topic, partition)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS policies.parked (
    policy text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    key bytea NOT NULL,
    error_code text NOT NULL,
    error text NOT NULL,
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    value bytea,
    parked_at timestamptz NOT NULL DEFAULT now(),
    copied bool NOT NULL DEFAULT false,
    PRIMARY KEY (policy, topic, partition, record_offset)
);
CREATE TABLE IF NOT EXISTS policies.refused (
    policy text NOT NULL,
    topic text NOT NULL,
    command_key uuid NOT NULL,
    command_type text NOT NULL,
    aggregate_id text NOT NULL,
    status int NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    line text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (policy, command_key)
);
"""
_LOCK = 7_406_067
_INIT = """
INSERT INTO policies.offsets (policy, topic, partition) SELECT $1, $2, unnest($3::int[]) ON CONFLICT DO NOTHING
"""
_LOAD = """
SELECT partition, next_offset, epoch, writer FROM policies.offsets
WHERE policy = $1 AND topic = $2 AND partition = ANY ($3::int[]) ORDER BY partition
"""
_MOVE = """
UPDATE policies.offsets o SET next_offset = m.next_offset, epoch = m.epoch, writer = m.writer, updated_at = now()
FROM unnest($3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[], $9::text[])
    AS m (partition, from_offset, from_epoch, from_writer, next_offset, epoch, writer)
WHERE o.policy = $1 AND o.topic = $2 AND o.partition = m.partition
    AND o.next_offset = m.from_offset AND o.epoch = m.from_epoch AND o.writer = m.from_writer
"""
_REFUSED = """
INSERT INTO policies.refused (policy, topic, command_key, command_type, aggregate_id, status, code, detail, line)
SELECT $1, $2, r.* FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[]) AS r
ON CONFLICT DO NOTHING
"""


class PositionMoved(Exception):
    """The stored position is not the one that was read from: another runner is ahead, or an earlier try of our own."""


class Move(NamedTuple):
    """A partition's position before and after what was read of it."""

    partition: int
    before: Position
    after: Position


class Loaded(NamedTuple):
    """From where a policy goes on in a topic, and what it has left behind."""

    positions: Mapping[int, Position]
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
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(DDL)

    async def load(self, policy: str, topic: str, partitions: Sequence[int]) -> Loaded:
        """The stored positions of these partitions, the beginning for those that have none yet."""
        async with self._pool.acquire() as connection:
            await connection.execute(_INIT, policy, topic, list(partitions))
            rows = await connection.fetch(_LOAD, policy, topic, list(partitions))
            positions = {
                row["partition"]: Position(row["next_offset"], Holder(row["epoch"], row["writer"])) for row in rows
            }
            keys, count = await parked_keys(connection, policy, topic)
            refused = await connection.fetch(
                "SELECT code, count(*) AS n FROM policies.refused WHERE policy = $1 AND topic = $2 GROUP BY code",
                policy,
                topic,
            )
        return Loaded(positions, keys, count, Counter({row["code"]: row["n"] for row in refused}))

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
            )
            if done != f"UPDATE {len(moves)}":
                raise PositionMoved(f"{policy} in {topic}: {done} of {len(moves)} positions")
            await insert_parked(connection, policy, topic, parked)
            if refusals:
                await connection.execute(
                    _REFUSED,
                    policy,
                    topic,
                    [refusal.line.key for refusal in refusals],
                    [refusal.line.command_type for refusal in refusals],
                    [refusal.line.aggregate_id for refusal in refusals],
                    [refusal.status for refusal in refusals],
                    [refusal.code for refusal in refusals],
                    [refusal.detail.replace("\x00", "\ufffd") for refusal in refusals],
                    [refusal.line.body.decode() for refusal in refusals],
                )
