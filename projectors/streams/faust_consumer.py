"""Faust's consumer, which begins at the positions of the table and hands on whatever it reads.

Faust's own leaves a worker standing still, with records unread, in two ways. What it fetched during a rebalance it
throws away and seeks to the committed offset; where nothing is committed, as always in the changelog, it does not seek
at all, and what it threw away never comes: the recovery that follows waits for it without end. And it passes over what
lies before the last offset that it handed on: after a seek backwards the rest of a batch that was already fetched is
handed on, and then everything from the sought offset up to there is passed over.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from faust.transport.drivers import aiokafka
from faust.types import TP

Positions = Callable[[], Mapping[TP, int]]
"""The next offset of each partition as the table has it, of those that this worker knows."""


class _NoMarks(dict[TP, int | None]):
    """No partition was ever read: whoever takes the records knows their place himself."""

    def __getitem__(self, place: TP) -> None:
        return None

    def __setitem__(self, place: TP, offset: int | None) -> None:
        pass


class Consumer(aiokafka.Consumer):
    """Seeks where `app.positions` and, in the changelog, its recovery say whenever Faust would seek to what is
    committed.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._read_offset = _NoMarks()

    async def perform_seek(self) -> None:
        """Read on from the table's positions, and in the changelog from what was recovered last, of the partitions
        that this worker has.
        """
        app = cast(Any, self.app)
        recovered = {place: max(offset or 0, 0) for place, offset in app.tables.recovery.active_offsets.items()}
        positions = recovered | dict(cast(Positions, app.positions)())
        assigned = self.assignment()
        await self.seek_wait({place: offset for place, offset in positions.items() if place in assigned})


class Transport(aiokafka.Transport):
    """Makes that consumer."""

    Consumer = Consumer
