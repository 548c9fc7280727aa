"""The end of the log during a tour: from where the read models stand at its start, which saves reading it all.

Their stored positions keep the holder beside the offset, so the rule of the holder holds from there on.
"""

import time
from collections.abc import Callable

import asyncpg

from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from infra.demo.call import TourStopped
from infra.log_batch import Position
from infra.log_reader import LogReader

PATIENCE_SECONDS = 10.0
_POSITIONS = """
SELECT DISTINCT ON (topic, partition) topic, partition, next_offset, epoch, writer
FROM stockroom.projection_offsets o JOIN stockroom.projections p
  ON p.name = o.projection AND p.active_generation = o.generation
ORDER BY topic, partition, next_offset DESC
"""


async def positions(postgres: asyncpg.Connection) -> dict[tuple[str, int], Position]:
    """Where the read models stand, for each partition the one that is furthest."""
    rows = await postgres.fetch(_POSITIONS)
    return {
        (row["topic"], row["partition"]): Position(row["next_offset"], Holder(row["epoch"], row["writer"]))
        for row in rows
    }


class LogTail:
    """What came to the log since the tour began."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._seen: list[LogRecord] = []

    async def story(self, place: str, ends_with: Callable[[list[str]], bool]) -> list[LogRecord]:
        """The events of the story that the event at `place` (`orders/3@17`) belongs to, as they were appended.

        Reads on until `ends_with` says of their types that it is told; raises `TourStopped` after ten seconds.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            records = self._of(place)
            types = [_header(record, "ce_type") for record in records]
            if records and ends_with(types):
                return records
            if time.monotonic() > deadline:
                raise TourStopped(f"the story of {place} did not end within {PATIENCE_SECONDS:.0f} s; seen: {types}")
            for batch in await self._reader.read(timeout_ms=50):
                self._seen += batch.records

    def _of(self, place: str) -> list[LogRecord]:
        first = next((r for r in self._seen if f"{r.topic}/{r.partition}@{r.offset}" == place), None)
        if first is None:
            return []
        story = _header(first, "ce_correlationid")
        records = [record for record in self._seen if _header(record, "ce_correlationid") == story]
        return sorted(records, key=lambda record: (record.appended_ms, record.topic, record.offset))


def _header(record: LogRecord, name: str) -> str:
    return dict(record.headers).get(name, b"").decode(errors="replace")
