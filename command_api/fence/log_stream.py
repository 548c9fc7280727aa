"""Reads a partition's log step by step: up to one offset, then on to the next, over one connection."""

import asyncio
from collections.abc import AsyncGenerator

from command_api.fence.log import Log, LogAway
from event_schemas.record import LogRecord
from infra.log_batch import OffsetSkipped

MOST_AT_ONCE = 500
"""So many records are given at once, so that whoever folds them lets other tasks run in between."""
SILENT_SECONDS = 15.0
"""Records that should be there are waited for so long: a stuck reader has been replaced twice by then."""


class LogSilent(LogAway):
    """Records that should be there have not come."""


class LogStream:
    """The records of a log from offset ``next_offset`` on, each at the offset where it must be. ``aclose`` it."""

    def __init__(self, log: Log, next_offset: int) -> None:
        self.next_offset = next_offset
        self._place = f"{log.topic}/{log.partition}"
        self._stream = log.read(next_offset)
        self._read: list[LogRecord] = []

    async def up_to(self, end: int) -> AsyncGenerator[list[LogRecord], None]:
        """The records that come before offset ``end``, in chunks. Waits for those that are not there yet.

        Raises what ``Log.read`` raises, ``LogSilent`` when nothing has come for 15 seconds, and ``OffsetSkipped``.
        """
        while self.next_offset < end:
            if not self._read:
                self._read = await self._next()
                for number, record in enumerate(self._read, start=self.next_offset):
                    if record.offset != number:
                        raise OffsetSkipped(f"{self._place}: expected offset {number}, got {record.offset}")
            count = min(end - self.next_offset, MOST_AT_ONCE)
            chunk, self._read = self._read[:count], self._read[count:]
            self.next_offset += len(chunk)
            yield chunk

    async def _next(self) -> list[LogRecord]:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                while not (read := await anext(self._stream)):
                    pass
        except TimeoutError as error:
            raise LogSilent(f"{self._place}@{self.next_offset} has not come for {SILENT_SECONDS:.0f} s") from error
        return read

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()
