"""Fills a generation from the log: large batches, the partitions shared out among readers that work side by side."""

import asyncio
from collections.abc import Callable, Mapping

from infra.log_reader import Batch, LogReader, Position
from projectors.back_off import until_there
from projectors.rebuild_row import RebuildRefused
from projectors.store import GenerationMoved, PositionMoved, Standing, Store

READERS = 2
MAX_RECORDS = 5_000
FETCH_BYTES = 8 * 1024 * 1024

Advanced = Callable[[int], None]


class Filler:
    """Reads a topic from a store's positions and commits into the store. ``advanced`` hears of passed records."""

    def __init__(self, bootstrap_servers: str, topic: str, store: Store, advanced: Advanced) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._store = store
        self._advanced = advanced

    def reader(self, standings: Mapping[int, Standing]) -> LogReader:
        """A reader, not yet started, that goes on from these positions."""
        places: dict[tuple[str, int], Position] = {(self._topic, p): one.position for p, one in standings.items()}
        return LogReader(self._bootstrap_servers, places, max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=50)

    async def fill(self, ends: Mapping[int, int]) -> None:
        """Commit everything up to ``ends``, by partition. Raises ``RebuildRefused`` when the right to fill was lost."""
        numbers = sorted(ends, key=lambda number: -ends[number])
        shares = [numbers[first::READERS] for first in range(READERS)]
        try:
            async with asyncio.TaskGroup() as group:
                for share in shares:
                    if share:
                        group.create_task(self._fill_share({number: ends[number] for number in share}))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    async def _fill_share(self, ends: Mapping[int, int]) -> None:
        while not await until_there(f"rebuild from {self._topic}", lambda: self._read_share(ends)):
            pass

    async def _read_share(self, ends: Mapping[int, int]) -> bool:
        try:
            loaded = await self._store.load(list(ends))
            parked = loaded.parked
            standings = {number: loaded.standings[number] for number in ends}
            async with self.reader(standings) as reader:
                while self._behind(reader, ends):
                    batches = await reader.read(max_records=MAX_RECORDS)
                    if batches:
                        outcome = await self._store.commit(batches, parked)
                        parked = parked.after(outcome)
                        self._advanced(passed(batches))
        except PositionMoved:
            return False  # a commit whose answer was lost: the positions say how far it came
        except GenerationMoved as error:
            raise RebuildRefused(f"another rebuild took over: {error}") from error
        return True

    def _behind(self, reader: LogReader, ends: Mapping[int, int]) -> bool:
        positions = reader.positions
        return any(positions[self._topic, number].next_offset < end for number, end in ends.items())


def passed(batches: list[Batch]) -> int:
    """Number of records, counted or not, that batches passed."""
    return sum(batch.after.next_offset - batch.before.next_offset for batch in batches)
