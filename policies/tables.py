"""The tables of the schema ``policies``: how far each policy is, what it has parked, and what was done about it."""

import asyncpg

from infra.postgres_schema import make_schema

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

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
ALTER TABLE policies.offsets ADD COLUMN IF NOT EXISTS unparked bigint NOT NULL DEFAULT 0;
ALTER TABLE policies.parked ADD COLUMN IF NOT EXISTS appended_ms bigint;
ALTER TABLE policies.parked ADD COLUMN IF NOT EXISTS attempts int NOT NULL DEFAULT 1;
CREATE TABLE IF NOT EXISTS policies.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    policy text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    outcome jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS policies.dropped (
    policy text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    key bytea NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (policy, topic, partition, record_offset)
);
"""
"""All of it may run again on a database of any age. A null ``appended_ms`` is of a release that did not keep it; the
time of parking, soon after, stands for it."""
_LOCK = 7_406_067


async def create_tables(connection: Connection) -> None:
    """Make what is missing, as `make_schema` does: inside the caller's transaction, one process at a time."""
    await make_schema(connection, "policies", DDL, _LOCK)
