"""The tables in which the engine keeps its own state: which generation serves, how far it is, what is parked."""

import zlib

import asyncpg

from infra.postgres_schema import make_schema

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

DDL = """
CREATE SCHEMA IF NOT EXISTS stockroom;
CREATE TABLE IF NOT EXISTS stockroom.projections (
    name text PRIMARY KEY,
    version int NOT NULL,
    active_generation int NOT NULL,
    rebuilding_generation int,
    rebuilding_version int,
    rebuilding_indexed bool NOT NULL DEFAULT false,
    switched_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS stockroom.projection_offsets (
    projection text NOT NULL,
    generation int NOT NULL,
    version int NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    writer text NOT NULL DEFAULT '',
    appended_ms bigint NOT NULL DEFAULT 0,
    void bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, generation, topic, partition)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS stockroom.parked (
    projection text NOT NULL,
    generation int NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    key text NOT NULL,
    error_code text NOT NULL,
    error text NOT NULL,
    headers jsonb NOT NULL,
    record_key bytea,
    value bytea,
    parked_at timestamptz NOT NULL DEFAULT now(),
    copied bool NOT NULL DEFAULT false,
    PRIMARY KEY (projection, generation, topic, partition, record_offset)
);
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS switching_until timestamptz;
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS rebuilding_bulk bool NOT NULL DEFAULT false;
ALTER TABLE stockroom.projection_offsets ADD COLUMN IF NOT EXISTS unparked bigint NOT NULL DEFAULT 0;
ALTER TABLE stockroom.parked ADD COLUMN IF NOT EXISTS appended_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE stockroom.parked ADD COLUMN IF NOT EXISTS attempts int NOT NULL DEFAULT 1;
CREATE TABLE IF NOT EXISTS stockroom.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    projection text NOT NULL,
    generation int NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    outcome jsonb NOT NULL
);
DROP INDEX IF EXISTS stockroom.parked_uncopied;
CREATE INDEX IF NOT EXISTS parked_uncopied_in_order
    ON stockroom.parked (projection, generation, partition, record_offset) WHERE NOT copied;
CREATE INDEX IF NOT EXISTS parked_of_key ON stockroom.parked USING hash (key);
CREATE TABLE IF NOT EXISTS stockroom.workers (
    worker text PRIMARY KEY,
    runs text[] NOT NULL,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE stockroom.audit ALTER COLUMN partition DROP NOT NULL;
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS kept_generation int;
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS kept_version int;
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS wanted_version int;
CREATE TABLE IF NOT EXISTS stockroom.rebuilds (
    id uuid PRIMARY KEY,
    names text[] NOT NULL,
    actor text NOT NULL,
    state text NOT NULL,
    cancelled bool NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    progress jsonb NOT NULL DEFAULT '[]',
    error text
);
CREATE INDEX IF NOT EXISTS rebuilds_by_time ON stockroom.rebuilds (started_at);
ALTER TABLE stockroom.rebuilds ADD COLUMN IF NOT EXISTS code text;
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS rebuilding_voids int;
ALTER TABLE stockroom.projections ADD COLUMN IF NOT EXISTS rebuilding_layout text;
"""
"""All of it may run again on a database of any age: what came later stands as ``ALTER TABLE`` at the end."""

_LOCK = zlib.crc32(b"stockroom setup")


def rebuild_lock(projection: str) -> tuple[int, int]:
    """The pair of integers of the advisory lock that the one rebuild of a projection holds."""
    signed = zlib.crc32(projection.encode()) - 2**31
    return zlib.crc32(b"stockroom rebuild") - 2**31, signed


async def create_control_tables(connection: Connection) -> None:
    """Make what is missing, as `make_schema` does: inside the caller's transaction, one process at a time."""
    await make_schema(connection, "stockroom", DDL, _LOCK)
