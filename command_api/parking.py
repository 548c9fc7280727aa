"""Where commands wait whose aggregates are being loaded from the snapshot; all others go on meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from command_api.intent import Pending, refuse
from command_api.snapshots.snapshot import SnapshotAway, SnapshotMoved, SnapshotWrong
from infra.http.problems import DependencyUnavailable, InternalError

logger = structlog.get_logger(__name__)


class Parking:
    """Commands of one partition, in the order in which they came.

    ``load`` brings aggregates into memory, ``cold`` says which are not there, ``go_on`` takes commands back, before all
    that came later.
    """

    def __init__(
        self,
        load: Callable[[Iterable[str]], Awaitable[None]],
        cold: Callable[[str], bool],
        go_on: Callable[[list[Pending]], None],
    ) -> None:
        self._load = load
        self._cold = cold
        self._go_on = go_on
        self._waiting: list[Pending] = []
        self._loading: asyncio.Task[None] | None = None

    def park(self, pending: Pending) -> None:
        """Let a command wait until its aggregate is in memory."""
        self._waiting.append(pending)
        if self._loading is None:
            self._loading = asyncio.create_task(self._run(), name="load")

    def empty(self) -> list[Pending]:
        """Take out all that wait."""
        waiting, self._waiting = self._waiting, []
        return waiting

    async def _run(self) -> None:
        while self._waiting:
            try:
                await self._load([pending.intent.command.aggregate_id for pending in self._waiting])
            except SnapshotAway as away:
                refuse(self.empty(), DependencyUnavailable(f"PostgreSQL, which has this aggregate, is away ({away})."))
            except (SnapshotMoved, SnapshotWrong):
                self._go_on(self.empty())  # to be decided once the partition has been claimed anew
            except Exception:
                logger.exception("aggregates could not be loaded")
                refuse(self.empty(), InternalError())
            # A later command of an aggregate must not overtake an earlier one: all that can go on go on together.
            waiting = self.empty()
            ready: list[Pending] = []
            for pending in waiting:
                (self._waiting if self._cold(pending.intent.command.aggregate_id) else ready).append(pending)
            self._go_on(ready)
        self._loading = None
