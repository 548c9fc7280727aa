"""Copies parked records to ``<topic>.dlq`` for people and tools. The rows are the truth, a copy may repeat."""

import asyncio

import asyncpg
from aiokafka import AIOKafkaProducer

from policies.parked_rows import Copy, mark_copied, uncopied
from policies.patience import patiently
from policies.standing import Standing

MOST_HEADER_BYTES = 1_000


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
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap_servers, acks="all") as producer:
            for copy in copies:
                await producer.send_and_wait(
                    f"{copy.topic}.dlq", key=copy.key, value=copy.value, headers=dead_letter_headers(copy)
                )
                await mark_copied(self._pool, copy)


def dead_letter_headers(copy: Copy) -> list[tuple[str, bytes]]:
    """The original headers, then why it was parked and where it lies."""
    origin = f"policies/{copy.policy} {copy.topic}/{copy.partition}@{copy.offset}"
    return [
        *copy.headers,
        ("x-error", copy.error.encode()[:MOST_HEADER_BYTES]),
        ("x-origin", origin.encode()),
    ]
