"""The tables of snapshots, schema ``command_api``. All of it can be dropped at any time; it costs a reading of the log.

A snapshot's rows are found by its generation, a number that is given once. So one is thrown away by deleting its one
row in ``snapshots``, whatever its size; ``discarded`` says which generations are still to be swept up.
"""

import zlib

import asyncpg

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

DDL = """
CREATE SCHEMA IF NOT EXISTS command_api;
CREATE TABLE IF NOT EXISTS command_api.snapshots (
    topic text NOT NULL,
    partition int NOT NULL,
    generation bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    cluster text NOT NULL,
    state_version text NOT NULL,
    next_offset bigint NOT NULL,
    epoch bigint NOT NULL,
    writer text NOT NULL,
    last_id bytea NOT NULL,
    keys_from bigint NOT NULL DEFAULT 0,
    filter_to bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    unfiltered bigint NOT NULL DEFAULT 0,
    unpruned bigint NOT NULL DEFAULT 0,
    checksum int NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS command_api.aggregates (
    generation bigint NOT NULL,
    subject text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state bytea NOT NULL,
    due_at timestamptz,
    checksum int NOT NULL,
    PRIMARY KEY (generation, subject)
) WITH (fillfactor = 90);
CREATE INDEX IF NOT EXISTS aggregates_due ON command_api.aggregates (generation, due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS command_api.segments (
    generation bigint NOT NULL,
    from_offset bigint NOT NULL,
    to_offset bigint NOT NULL,
    count int NOT NULL,
    newest_ms bigint NOT NULL,
    keys bytea NOT NULL,
    keys_checksum int NOT NULL,
    subjects bytea NOT NULL,
    subjects_checksum int NOT NULL,
    PRIMARY KEY (generation, to_offset)
);
CREATE TABLE IF NOT EXISTS command_api.filters (
    generation bigint PRIMARY KEY,
    to_offset bigint NOT NULL,
    known bytea NOT NULL,
    checksum int NOT NULL
);
CREATE TABLE IF NOT EXISTS command_api.discarded (
    generation bigint PRIMARY KEY,
    swept text COLLATE "C" NOT NULL DEFAULT ''
);
COMMENT ON COLUMN command_api.snapshots.keys_from IS 'where the oldest segment begins';
COMMENT ON COLUMN command_api.snapshots.filter_to IS 'the filter knows what segments up to here know';
COMMENT ON COLUMN command_api.snapshots.filtered IS 'aggregates in the filter';
COMMENT ON COLUMN command_api.snapshots.unfiltered IS 'aggregates in segments only';
COMMENT ON COLUMN command_api.snapshots.unpruned IS 'saves since segments were last deleted';
COMMENT ON COLUMN command_api.segments.keys IS 'commands of these offsets, packed by command_api/writer/key_segment.py';
COMMENT ON COLUMN command_api.segments.subjects IS 'aggregates that became known in these offsets, a JSON array';
COMMENT ON COLUMN command_api.discarded.swept IS 'aggregates up to this subject are deleted';
"""
_LOCK = zlib.crc32(b"command_api setup")


class Damaged(Exception):
    """A row is not as it was written, or is missing between others."""


async def create_tables(connection: Connection) -> None:
    """Inside the caller's transaction: make what is missing. Safe from several processes at once."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute(DDL)


def checksum(text: str, payload: bytes) -> int:
    """A number that a row keeps beside what it was made of, as PostgreSQL's ``int``.

    Parts of ``text`` are to be held apart by NUL, which PostgreSQL's ``text`` cannot hold.
    """
    return zlib.crc32(payload, zlib.crc32(text.encode())) - 2**31
