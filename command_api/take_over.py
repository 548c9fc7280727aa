"""Taking a partition: from the snapshot or from what memory has, through the log to a claim that holds."""

from collections.abc import Callable

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from command_api.fence import Fence
from command_api.log import OutcomeUnknown
from command_api.snapshots.keeper import Keeper
from command_api.snapshots.snapshot import SnapshotAway, SnapshotMoved, SnapshotWrong

logger = structlog.get_logger(__name__)

AGAIN = (OutcomeUnknown, SnapshotAway, SnapshotMoved, SnapshotWrong)
"""What a take-over is tried again after."""


class TakeOver:
    """The way to the hold of one partition. ``anew`` asks for the snapshot first, since memory may be outdated."""

    def __init__(self, name: str, fence: Fence, keeper: Keeper) -> None:
        self._name = name
        self._fence = fence
        self._keeper = keeper
        self._whole = False
        self.anew = True

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Return once the partition is held, or ``stopping``. Raises ``LogBroken``."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(AGAIN),
            wait=wait_random_exponential(multiplier=0.1, max=3),
            before_sleep=self._say,
        ):
            with attempt:
                if not stopping():
                    await self._try()

    async def _try(self) -> None:
        try:
            if self.anew:
                mark = await self._keeper.begin(stay_if_away=self._whole)
                if mark is not None:
                    self._fence.start_at(mark)
                self.anew = False
            await self._fence.claim()
            self._whole = True
        except (SnapshotMoved, SnapshotWrong) as lost:
            self._keeper.lose(lost)
            self.anew = True
            raise
        except SnapshotAway:
            # What the log has needs what the snapshot has. Should it stay away, the log alone has all.
            self.anew, self._whole = True, False
            raise

    def _say(self, attempt: RetryCallState) -> None:
        why = attempt.outcome.exception() if attempt.outcome else None
        logger.warning("the partition cannot be claimed, trying again", partition=self._name, why=repr(why))
