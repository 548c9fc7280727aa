"""Appends copies of parked records to the dead-letter topics, for people and tools. The parked rows are the truth.

Each copy has the record's own headers, then ``x-error`` (why it was parked) and ``x-origin`` (who parked it, and where
it lies). A copy that comes twice changes nothing, so whoever keeps the rows marks them afterwards.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from event_schemas.envelope import Headers
from infra.kafka_lifetime import started

MOST_ERROR_BYTES = 1_000
MOST_REQUEST_BYTES = 2_000_000
"""A copy is larger than its record, which may fill a batch of its own."""


class DeadLetter(NamedTuple):
    """A parked record, with why and by whom."""

    topic: str
    """Topic of the record; its copy goes to ``<topic>.dlq``."""
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    reader: str
    """Who parked it: a projection, or ``policies/<policy>``."""
    error: str

    @property
    def all_headers(self) -> list[tuple[str, bytes]]:
        """The headers of its copy."""
        origin = f"{self.reader} {self.topic}/{self.partition}@{self.offset}"
        error = self.error.encode()[:MOST_ERROR_BYTES]
        return [*self.headers, ("x-error", error), ("x-origin", origin.encode())]


async def append(bootstrap_servers: str, letters: Sequence[DeadLetter]) -> None:
    """Append the copies, in their order within a partition, and wait for all of them at once.

    Raises ``KafkaError`` or ``OSError`` when Kafka is away; some may be there by then.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_request_size=MOST_REQUEST_BYTES,
    )
    async with started(producer.start, producer.stop):
        sent = [
            await producer.send(f"{letter.topic}.dlq", letter.value, letter.key, headers=letter.all_headers)
            for letter in letters
        ]
        await asyncio.gather(*sent)
