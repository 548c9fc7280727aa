"""One partition of one topic as its writer sees it. Two implementations: Kafka, and the in-memory one of the tests."""

from collections.abc import AsyncGenerator, Sequence
from itertools import chain
from typing import NamedTuple, Protocol

from event_schemas.envelope import Headers
from event_schemas.record import LogRecord

MAX_BATCH_BYTES = 900_000
"""The most that one batch may hold, in bytes by ``Outgoing.size``; below the broker's limit of 1 MB."""


class Outgoing(NamedTuple):
    """A record to be appended."""

    key: bytes
    value: bytes
    headers: Headers

    @property
    def size(self) -> int:
        """At least the bytes that the record takes in a batch (record format v2, uncompressed)."""
        headers = sum(map(len, chain.from_iterable(self.headers))) + 10 * len(self.headers)
        return 64 + len(self.key) + len(self.value) + headers


class OutcomeUnknown(Exception):
    """It is not known whether the batch is in the log, or will still land in it."""


class LogAway(OutcomeUnknown):
    """The log cannot be reached. What was being read or proven is not known."""


class Log(Protocol):
    """A partition that can be appended to and read. Batches are atomic; there is no conditional append."""

    topic: str
    partition: int

    async def append(self, records: Sequence[Outgoing]) -> int:
        """Append ``records`` as one batch and give the offset of the first.

        Raises ``OutcomeUnknown`` whenever the broker has not said clearly where they are.
        """

    async def end(self) -> int:
        """The offset after the last record as far as known: a hint where to read to, never a proof.

        Raises ``LogAway``.
        """

    def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        """Records from offset ``start`` on, in order, as they come; an empty list now and then when none came.

        Raises ``LogTruncated`` when the log does not hold ``start``, ``LogAway`` when it cannot be reached.
        """

    async def close(self) -> None:
        """Let go of connections."""
