"""Appends copies of parked records to the dead-letter topics, for people and tools. The parked rows are the truth.

Each copy has the record's own headers, then ``x-error`` (why it was parked) and ``x-origin`` (who parked it, and where
it lies). A copy that comes twice changes nothing, so whoever keeps the rows marks them afterwards. A record for whose
copy the topic has no room is told in the process's log; its row remains.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from event_schemas.envelope import Headers
from infra.kafka_lifetime import started

log = structlog.get_logger()

MOST_ERROR_BYTES = 1_000
MOST_REQUEST_BYTES = 2**31 - 1
"""No bound of the client's own: the topic's ``max.message.bytes`` alone decides what is too large."""


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
        error = self.error.encode()[:MOST_ERROR_BYTES].decode(errors="ignore")
        return [*self.headers, ("x-error", error.encode()), ("x-origin", origin.encode())]


async def append(bootstrap_servers: str, letters: Sequence[DeadLetter]) -> None:
    """Append the copies, in their order within a partition, and wait for all of them at once.

    One that is larger than its topic takes is left out, with a warning that names it: it would never get there.
    Raises ``KafkaError`` or ``OSError`` when Kafka is away; some may be there by then.
    """
    # Not idempotent: a refused batch has used up its sequence number, so those behind it would be refused too.
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", max_request_size=MOST_REQUEST_BYTES)
    async with started(producer.start, producer.stop):
        sent = [
            await producer.send(f"{letter.topic}.dlq", letter.value, letter.key, headers=letter.all_headers)
            for letter in letters
        ]
        results = await asyncio.gather(*sent, return_exceptions=True)
    for letter, result in zip(letters, results, strict=True):
        if isinstance(result, MessageSizeTooLargeError):
            log.warning(
                "a parked record is too large for its dead-letter topic, it remains parked without a copy",
                reader=letter.reader,
                record=f"{letter.topic}/{letter.partition}@{letter.offset}",
                topic=f"{letter.topic}.dlq",
            )
        elif isinstance(result, BaseException):
            raise result
