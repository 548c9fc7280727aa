"""Parked records as rows of ``policies.parked``: written with the position that passes them, read for their copy."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from event_schemas.envelope import Headers
from policies.sorting import Parked
from policies.tables import Connection

_INSERT = """
INSERT INTO policies.parked
    (policy, topic, partition, record_offset, key, error_code, error, header_names, header_values, value,
     appended_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
"""
_UNCOPIED = """
SELECT * FROM policies.parked WHERE NOT copied ORDER BY policy, topic, partition, record_offset LIMIT 100
"""
_COPIED = """
UPDATE policies.parked SET copied = true WHERE policy = $1 AND topic = $2 AND partition = $3 AND record_offset = $4
"""


class Copy(NamedTuple):
    """A parked record on its way to the dead-letter topic."""

    policy: str
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Headers
    error: str


async def insert_parked(connection: Connection, policy: str, topic: str, parked: Sequence[Parked]) -> None:
    """Keep records that could not be reacted to; those that are kept already stay as they are."""
    if parked:
        await connection.executemany(
            _INSERT,
            [
                (
                    policy,
                    topic,
                    each.record.partition,
                    each.record.offset,
                    each.record.key or b"",
                    each.code,
                    each.error.replace("\x00", "\ufffd"),
                    [name.replace("\x00", "\ufffd") for name, _ in each.record.headers],
                    [value for _, value in each.record.headers],
                    each.record.value,
                    each.record.appended_ms,
                )
                for each in parked
            ],
        )


async def parked_keys(connection: Connection, policy: str, topic: str) -> tuple[frozenset[bytes], int]:
    """The keys behind which a policy's records queue, and how many records are parked."""
    rows = await connection.fetch(
        "SELECT key, count(*) AS n FROM policies.parked WHERE policy = $1 AND topic = $2 GROUP BY key", policy, topic
    )
    return frozenset(row["key"] for row in rows), sum(row["n"] for row in rows)


async def uncopied(pool: asyncpg.Pool) -> list[Copy]:
    """Some parked records that are not in their dead-letter topic yet, in log order within each partition."""
    return [
        Copy(
            row["policy"],
            row["topic"],
            row["partition"],
            row["record_offset"],
            row["key"],
            row["value"],
            list(zip(row["header_names"], row["header_values"], strict=True)),
            f"{row['error_code']}: {row['error']}",
        )
        for row in await pool.fetch(_UNCOPIED)
    ]


async def mark_copied(pool: asyncpg.Pool, copy: Copy) -> None:
    """Remember that a record is in its dead-letter topic."""
    await pool.execute(_COPIED, copy.policy, copy.topic, copy.partition, copy.offset)
