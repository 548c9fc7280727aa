"""Taking a partition: from the snapshot or from what memory has, through the log to a claim that holds."""

import asyncio
import time
from contextlib import suppress

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from command_api.fence.fence import ClaimUntimely, Fence
from command_api.fence.log import OutcomeUnknown
from command_api.snapshots.snapshot import SnapshotAway, SnapshotMoved, SnapshotWrong
from command_api.writer.keeper import Keeper

logger = structlog.get_logger(__name__)

ASKS = 3
"""So often a snapshot is asked for before the whole log is read in its place: a store may be away for a moment only, or
slow since all partitions ask at once."""
UNTIMELY_SECONDS = 0.05
"""How soon it is looked again whether there is a lease."""
UNTOLD_SECONDS = 2.0
"""Waiting for a lease is worth a line in the log only after so long, and then as often."""
_backoff = wait_random_exponential(multiplier=0.1, max=3)
AGAIN = (OutcomeUnknown, SnapshotAway, SnapshotMoved, SnapshotWrong)
"""What a take-over is tried again after."""


class TakeOver:
    """The way to the hold of one partition. ``anew`` asks for the snapshot first, since memory may be outdated."""

    def __init__(self, name: str, fence: Fence, keeper: Keeper) -> None:
        self._name = name
        self._fence = fence
        self._keeper = keeper
        self._whole = False
        self._away = 0
        self._told_at = 0.0
        self.anew = True

    async def run(self, stop: asyncio.Event) -> None:
        """Return once the partition is held, or ``stop`` is set. Raises ``LogBroken``."""
        self._told_at = time.monotonic()
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(AGAIN),
            wait=_pause,
            before_sleep=self._say,
            sleep=lambda seconds: within(seconds, stop),
        ):
            with attempt:
                if not stop.is_set():
                    await self._try()

    async def _try(self) -> None:
        try:
            if self.anew:
                mark = await self._keeper.begin(stay_if_away=self._whole, or_without=self._away >= ASKS - 1)
                if mark is not None:
                    self._fence.start_at(mark)
                self.anew = False
            await self._fence.claim()
            self._whole, self._away = True, 0
        except (SnapshotMoved, SnapshotWrong) as lost:
            self._keeper.lose(lost)
            self.anew = True
            raise
        except SnapshotAway:
            # What the log has needs what the snapshot has. Should it stay away, the log alone has all.
            self.anew, self._whole = True, False
            self._away += 1
            raise

    def _say(self, attempt: RetryCallState) -> None:
        why = attempt.outcome.exception() if attempt.outcome else None
        now = time.monotonic()
        if not isinstance(why, ClaimUntimely) or now - self._told_at >= UNTOLD_SECONDS:
            self._told_at = now
            logger.warning("the partition cannot be claimed, trying again", partition=self._name, why=repr(why))


async def within(seconds: float, event: asyncio.Event) -> None:
    """Wait for an event, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _pause(attempt: RetryCallState) -> float:
    """Seconds to the next try. A lease comes with a heartbeat; what is broken is given time."""
    if attempt.outcome is not None and isinstance(attempt.outcome.exception(), ClaimUntimely):
        return UNTIMELY_SECONDS
    return _backoff(attempt)
