"""Keeps shards in Faust's table: rows, then the position behind them, then the acknowledgement of what they hold.

Every few seconds, so that a row which changes often is written once; a kill costs no more than to fold so much again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from faust.types import EventT, TableT

from infra.log_batch import START, Position
from projectors.streams import rows
from projectors.streams.changes import Changes
from projectors.streams.shard import Shard

EVERY_SECONDS = 5.0
MOST_RECORDS = 20_000
ROWS = 250
"""So many are under way at once: the producer gives up on what waits for long, and a pause is noticed in between."""


class Storing:
    """What is not stored yet."""

    def __init__(self, table: TableT[bytes, bytes]) -> None:
        self._table = table
        self._changes: dict[int, Changes] = {}
        self._positions: dict[int, Position] = {}
        self._folded: list[EventT[bytes]] = []
        self._stored_at = time.monotonic()
        self.stored = 0
        """Rows that the broker has got so far."""

    def add(self, partition: int, sold: set[str], partners: set[str], folded: list[EventT[bytes]]) -> None:
        """These products have changed by these records; nothing else has."""
        self._changes.setdefault(partition, Changes()).add(sold, partners)
        self._folded += folded

    @property
    def is_due(self) -> bool:
        """Whether it is time to store."""
        return len(self._folded) >= MOST_RECORDS or time.monotonic() - self._stored_at >= EVERY_SECONDS

    def stored_to(self, partition: int) -> int:
        """The offset up to which all rows of a partition are stored; 0 while that is not known."""
        return self._positions.get(partition, START).next_offset

    async def store(self, shards: Mapping[int, Shard], check: Callable[[], None]) -> None:
        """Write what has changed and wait until the broker has it; `check` is called before each part of it. Raises
        what the check and the producer raise.
        """
        for partition, shard in shards.items():
            changes = self._changes.pop(partition, Changes())
            if changes.sold or changes.partners or self._positions.get(partition) != shard.position:
                self._positions[partition] = shard.position
                *changed, position = rows.changed(partition, shard, changes.sold, changes.partners)
                for start in range(0, len(changed), ROWS):
                    check()
                    await self._send(partition, changed[start : start + ROWS])
                check()
                await self._send(partition, [position])  # alone: should one of the rows fail, it must not be there
        for event in self._folded:
            event.ack()
        self._folded.clear()
        self._stored_at = time.monotonic()

    async def _send(self, partition: int, part: Sequence[rows.Row]) -> None:
        await asyncio.gather(*(self._table.send_changelog(partition, key, value, "raw", "raw") for key, value in part))
        self.stored += len(part)

    def forget(self) -> None:
        """Other partitions, or the same as others have left them: nothing is known of what is stored."""
        self._changes.clear()
        self._positions.clear()
        self._folded.clear()
