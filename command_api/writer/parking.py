"""Where commands wait whose aggregates are being loaded from the snapshot; all others go on meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain

import structlog

from command_api.intent import Pending, refuse
from command_api.refusals import NotLoaded
from command_api.snapshots.snapshot import SnapshotAway, SnapshotMoved, SnapshotWrong
from infra.http.problems import InternalError

logger = structlog.get_logger(__name__)


class Parking:
    """Commands of one partition, those of each aggregate in the order in which they came.

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
        self._waiting: dict[str, list[Pending]] = {}
        """By aggregate, in their order."""
        self._loading: asyncio.Task[None] | None = None

    def __contains__(self, subject: str) -> bool:
        """Whether commands of an aggregate wait: a later one must not overtake them, though it may be in memory now."""
        return subject in self._waiting

    def park(self, pending: Pending) -> None:
        """Let a command wait until its aggregate is in memory."""
        self._waiting.setdefault(pending.intent.command.aggregate_id, []).append(pending)
        if self._loading is None:
            self._loading = asyncio.create_task(self._run(), name="load")

    def empty(self) -> list[Pending]:
        """Take out all that wait."""
        waiting, self._waiting = self._waiting, {}
        return list(chain.from_iterable(waiting.values()))

    async def _run(self) -> None:
        while self._waiting:
            try:
                await self._load(list(self._waiting))
            except SnapshotAway as away:
                refuse(self.empty(), NotLoaded(away))
            except (SnapshotMoved, SnapshotWrong):
                self._go_on(self.empty())  # to be decided once the partition has been claimed anew
            except Exception:
                logger.exception("aggregates could not be loaded")
                refuse(self.empty(), InternalError())
            ready = [subject for subject in self._waiting if not self._cold(subject)]
            self._go_on([pending for subject in ready for pending in self._waiting.pop(subject)])
        self._loading = None
