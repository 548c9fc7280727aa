"""Retries parked records after a fix: the records of a key in their order, until one cannot be reacted to again.

What follows from them is carried out first. Then, in one transaction, they are taken out and counted in the position,
so that a running policy learns that the key is free before it stores a position again. A retry that is killed has taken
nothing out, and its repeat sends the same commands again: they take effect once, as what a policy reads twice does.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from policies.answers import Refusal
from policies.bulk_line import bulk_line
from policies.command_client import CommandClient
from policies.dead_letters.queue import Queue, queues
from policies.policy import Intent, Policy
from policies.refused_rows import insert_refused
from policies.sorting import Parked, Sorter
from policies.standing import Standing

PORTION = 200
"""Records that are tried in one step."""
PATIENCE_SECONDS = 10.0
"""So long the command API may take for a portion, for which the policy cannot store its position."""


class NotCarriedOut(Exception):
    """The command API does not carry out what follows; the message says why. What was tried is parked as before."""


class Redriven(NamedTuple):
    """What a retry did, in records, but for ``refused``."""

    done: int = 0
    """Reacted to, and parked no more."""
    failed: int = 0
    """Could not be reacted to again; each is the first of its key."""
    waiting: int = 0
    """Were not tried, since they wait behind one that failed."""
    refused: int = 0
    """Commands that were refused: their stories hang, as when a running policy meets that."""

    def __add__(self, other: object) -> "Redriven":
        """Both together."""
        assert isinstance(other, Redriven)
        return Redriven(*(sum(pair) for pair in zip(self, other, strict=True)))

    def line(self) -> str:
        """In words."""
        refused = f", {self.refused:,} commands refused" if self.refused else ""
        return f"{self.done:,} carried out{refused}, {self.failed:,} failed again, {self.waiting:,} wait behind those"


class _Portion(NamedTuple):
    redriven: Redriven
    failed_keys: frozenset[bytes]
    last_offset: int


class Redrive:
    """Retries over these tables and this command API; ``actor`` stands in the audit trail."""

    def __init__(self, pool: asyncpg.Pool, commands: CommandClient, actor: str) -> None:
        self.pool = pool
        self.actor = actor
        self._commands = commands

    def by(self, actor: object) -> "Redrive":
        """The same, done by another actor."""
        return Redrive(self.pool, self._commands, str(actor))

    async def retry(self, policy: Policy, key: bytes | None = None) -> Redriven:
        """Retry what a policy has parked of a key, or of all keys. May run beside the policy, and beside another retry.

        Raises ``NotCarriedOut``; what was carried out until then stays so.
        """
        async with self.pool.acquire() as connection:
            found = await queues(connection, policy.name, key)
        total = Redriven()
        for queue in found:
            after, held = -1, frozenset[bytes]()
            while portion := await self._portion(policy, queue, after, key, held):
                total += portion.redriven
                after, held = portion.last_offset, held | portion.failed_keys
        return total

    async def _portion(
        self, policy: Policy, queue: Queue, after: int, key: bytes | None, held: frozenset[bytes]
    ) -> _Portion | None:
        async with self.pool.acquire() as connection, connection.transaction():
            await queue.hold(connection)
            parked = await queue.read(connection, after, key, PORTION)
            if not parked:
                return None
            intents, left = Sorter(policy, held).sort(one.record for one in parked)
            refusals = await self._carry_out(policy, queue, intents)
            tries = {one.record.offset: one.attempts for one in parked}
            failed = [
                one._replace(attempts=tries[one.record.offset] + 1) for one in left if one.code != "queued_behind"
            ]
            done = sorted(tries.keys() - {one.record.offset for one in left})
            await queue.settle(connection, done, failed)
            await insert_refused(connection, policy.name, queue.topic, refusals)
            if done or failed:
                await queue.audit(connection, self.actor, "retry", _outcome(done, failed, refusals))
        redriven = Redriven(len(done), len(failed), len(left) - len(failed), len(refusals))
        return _Portion(redriven, frozenset(one.record.key or b"" for one in failed), parked[-1].record.offset)

    async def _carry_out(self, policy: Policy, queue: Queue, intents: Sequence[Intent]) -> list[Refusal]:
        standing = Standing(policy.name, queue.topic, waits_for="the command API does not answer")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._commands.carry_out([bulk_line(policy.name, one) for one in intents], standing)
        except TimeoutError as error:
            raise NotCarriedOut(f"gave up after {PATIENCE_SECONDS:g} s: {standing.waits_for}") from error


def _outcome(done: Sequence[int], failed: Sequence[Parked], refusals: Sequence[Refusal]) -> dict[str, object]:
    return {
        "carried_out": done,
        "failed": {str(one.record.offset): f"{one.code}: {one.error}" for one in failed},
        "refused": [refusal.line.key for refusal in refusals],
    }
