"""The parked records of one policy in one partition, held, read and settled in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import orjson

from event_schemas.record import LogRecord
from policies.sorting import Parked
from policies.tables import Connection

HELD_SECONDS = 20
"""So long PostgreSQL lets a retry that has been stopped keep the policy from storing its position."""
ROW = """
topic, partition, record_offset, key, value, header_names, header_values, error_code, error, attempts,
COALESCE(appended_ms, (extract(epoch FROM parked_at) * 1000)::bigint) AS appended_ms
"""
_QUEUES = """
SELECT DISTINCT topic, partition FROM policies.parked
WHERE policy = $1 AND ($2::bytea IS NULL OR key = $2) ORDER BY topic, partition
"""
_HOLD = "SELECT FROM policies.offsets WHERE policy = $1 AND topic = $2 AND partition = $3 FOR UPDATE"
_OF = "policy = $1 AND topic = $2 AND partition = $3"
_READ = f"""
SELECT {ROW} FROM policies.parked
WHERE {_OF} AND record_offset > $4 AND ($5::bytea IS NULL OR key = $5) ORDER BY record_offset LIMIT $6
"""
_GONE = f"DELETE FROM policies.parked WHERE {_OF} AND record_offset = ANY ($4::bigint[])"
_FAILED = f"UPDATE policies.parked SET error_code = $5, error = $6, attempts = $7 WHERE {_OF} AND record_offset = $4"
_COUNT = f"UPDATE policies.offsets SET unparked = unparked + 1 WHERE {_OF}"
_AUDIT = """
INSERT INTO policies.audit (policy, topic, partition, actor, action, outcome) VALUES ($1, $2, $3, $4, $5, $6)
"""


class Queue(NamedTuple):
    """Where the records lie."""

    policy: str
    topic: str
    partition: int

    async def hold(self, connection: Connection) -> None:
        """Until the transaction ends nothing is parked here, and nobody else retries or drops here."""
        await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS}s'")
        await connection.execute(_HOLD, *self)

    async def read(self, connection: Connection, after: int, key: bytes | None, limit: int) -> list[Parked]:
        """Those behind an offset, of one key or of all, in log order."""
        return [parked_of(row) for row in await connection.fetch(_READ, *self, after, key, limit)]

    async def settle(self, connection: Connection, gone: Sequence[int], failed: Sequence[Parked]) -> None:
        """Take records out, by offset, and count that in the position; keep the new errors of those that failed."""
        if gone:
            await connection.execute(_GONE, *self, gone)
            await connection.execute(_COUNT, *self)
        for one in failed:
            error = one.error.replace("\x00", "\ufffd")
            await connection.execute(_FAILED, *self, one.record.offset, one.code, error, one.attempts)

    async def audit(self, connection: Connection, actor: str, action: str, outcome: Mapping[str, Any]) -> None:
        """Keep who did what here."""
        await connection.execute(_AUDIT, *self, actor, action, orjson.dumps(outcome).decode())


async def queues(connection: Connection, policy: str, key: bytes | None) -> list[Queue]:
    """Where a policy has parked records, of one key or of all."""
    return [Queue(policy, *row) for row in await connection.fetch(_QUEUES, policy, key)]


def parked_of(row: asyncpg.Record) -> Parked:
    """The parked record of a row with the columns ``ROW``."""
    headers = list(zip(row["header_names"], row["header_values"], strict=True))
    where = row["topic"], row["partition"], row["record_offset"], row["appended_ms"]
    return Parked(
        LogRecord(*where, row["key"], row["value"], headers), row["error_code"], row["error"], row["attempts"]
    )
