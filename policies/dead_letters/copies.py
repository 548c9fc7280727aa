"""Copies parked records to ``<topic>.dlq`` for people and tools. The rows are the truth, a copy may repeat."""

import asyncio

import asyncpg

from infra.dead_letters import DeadLetter, append
from policies.parked_rows import Copy, mark_copied, uncopied
from policies.patience import patiently
from policies.standing import Standing


class DeadLetters:
    """Copies what is parked whenever ``wake`` is set, and once at its start."""

    def __init__(self, pool: asyncpg.Pool, bootstrap_servers: str) -> None:
        self.wake = asyncio.Event()
        self.wake.set()
        self.standing = Standing("dead_letters", "*.dlq", running=True, waits_for="")
        self._pool = pool
        self._bootstrap_servers = bootstrap_servers

    async def run(self) -> None:
        """Copy until cancelled. A Kafka or PostgreSQL that is away only delays it."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while copies := await patiently(self.standing, "PostgreSQL", lambda: uncopied(self._pool)):
                await patiently(self.standing, "Kafka or PostgreSQL", lambda some=copies: self._copy(some))  # type: ignore[misc]

    async def _copy(self, copies: list[Copy]) -> None:
        await append(self._bootstrap_servers, [_letter(copy) for copy in copies])
        for copy in copies:
            await mark_copied(self._pool, copy)


def _letter(copy: Copy) -> DeadLetter:
    return DeadLetter(
        copy.topic,
        copy.partition,
        copy.offset,
        copy.key,
        copy.value,
        copy.headers,
        f"policies/{copy.policy}",
        copy.error,
    )
