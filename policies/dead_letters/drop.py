"""Gives a parked record up: the policy does without it for good, with who and why on record, and its key goes on.

It is no event: no read model says what a policy was asked, and a policy is never run anew over the log.
"""

from datetime import datetime
from typing import NamedTuple

from infra.drop_reason import drop_reason
from policies.dead_letters.queue import Queue
from policies.dead_letters.redrive import Redrive, Redriven
from policies.policy import Policy

_TAKE_OUT = """
WITH gone AS (
    DELETE FROM policies.parked WHERE policy = $1 AND topic = $2 AND partition = $3 AND record_offset = $4 RETURNING key
)
INSERT INTO policies.dropped (policy, topic, partition, record_offset, key, reason, actor)
SELECT $1, $2, $3, $4, key, $5, $6 FROM gone
ON CONFLICT (policy, topic, partition, record_offset)
DO UPDATE SET reason = EXCLUDED.reason, actor = EXCLUDED.actor, at = now()
"""
_DROPPED = """
SELECT key, reason, actor, at FROM policies.dropped
WHERE policy = $1 AND topic = $2 AND partition = $3 AND record_offset = $4
"""


class NothingParked(Exception):
    """Nothing is parked at the place, and nothing was given up there: there is nothing to drop."""


class Dropped(NamedTuple):
    """A record that was given up, with the reason that counts, and what became of those behind it."""

    already: bool
    """It was given up before, whatever was said now."""
    reason: str
    actor: str
    at: datetime
    behind: Redriven


async def drop(redrive: Redrive, policy: Policy, topic: str, partition: int, offset: int, reason: str) -> Dropped:
    """Give up the record that is parked at a place, and retry what is parked of its key. A repeat gives nothing more
    up, and retries. Raises ``NoReason``, ``NothingParked``, or ``NotCarriedOut`` when it is given up, but those behind
    it still wait.
    """
    reason = drop_reason(reason)
    queue = Queue(policy.name, topic, partition)
    async with redrive.pool.acquire() as connection, connection.transaction():
        await queue.hold(connection)
        taken = await connection.execute(_TAKE_OUT, *queue, offset, reason, redrive.actor) != "INSERT 0 0"
        if taken:
            await queue.settle(connection, [offset], [])
            await queue.audit(connection, redrive.actor, "drop", {"offset": offset, "reason": reason})
        row = await connection.fetchrow(_DROPPED, *queue, offset)
    if row is None:
        raise NothingParked(f"nothing is parked at {topic}/{partition}@{offset} in {policy.name}")
    behind = await redrive.retry(policy, row["key"])
    return Dropped(not taken, row["reason"], row["actor"], row["at"], behind)
