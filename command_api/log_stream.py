"""Reads a partition's log step by step: up to one offset, then on to the next, over one connection."""

from collections.abc import AsyncGenerator

from command_api.log import Log
from event_schemas.record import LogRecord
from infra.log_reader import OffsetSkipped

MOST_AT_ONCE = 500
"""So many records are given at once, so that whoever folds them lets other tasks run in between."""


class LogStream:
    """The records of a log from offset ``next_offset`` on, each at the offset where it must be. ``aclose`` it."""

    def __init__(self, log: Log, next_offset: int) -> None:
        self.next_offset = next_offset
        self._stream = log.read(next_offset)
        self._read: list[LogRecord] = []

    async def up_to(self, end: int) -> AsyncGenerator[list[LogRecord], None]:
        """The records that come before offset ``end``, in chunks. Waits for those that are not there yet.

        Raises what ``Log.read`` raises, and ``OffsetSkipped``.
        """
        while self.next_offset < end:
            if not self._read:
                self._read = await anext(self._stream)
                for number, record in enumerate(self._read, start=self.next_offset):
                    if record.offset != number:
                        place = f"{record.topic}/{record.partition}"
                        raise OffsetSkipped(f"{place}: expected offset {number}, got {record.offset}")
            count = min(end - self.next_offset, MOST_AT_ONCE)
            chunk, self._read = self._read[:count], self._read[count:]
            if chunk:
                self.next_offset += len(chunk)
                yield chunk

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()
