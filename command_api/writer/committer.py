"""Carries out the queued commands of one partition, batch by batch, while it is held.

A command is answered only when the log has said where its events lie and that nobody wrote in between; refusals too,
since they were decided on the same state.
"""

from collections.abc import Callable
from datetime import datetime

from command_api.fence.fence import Deposed, Fence, beat
from command_api.intent import refuse
from command_api.refusals import UnknownOutcome
from command_api.writer.batch import BatchMaker, GroupCommit, changes
from command_api.writer.command_queue import CommandQueue
from command_api.writer.watch import Watches


class Committer:
    """``claim_lasts`` says whether it is certain that nobody else has claimed the partition: what appends nothing is
    answered at once then, and proven by a beat otherwise. ``clock`` gives the business time of events."""

    def __init__(
        self,
        queue: CommandQueue,
        batches: BatchMaker,
        fence: Fence,
        watches: Watches,
        claim_lasts: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self.under_way = GroupCommit()
        """The batch that is on its way to the log, empty when there is none."""
        self._queue = queue
        self._batches = batches
        self._fence = fence
        self._watches = watches
        self._claim_lasts = claim_lasts
        self._clock = clock

    async def commit(self) -> None:
        """Carry out one batch. Raises what ``Fence.append`` raises; what has not happened for certain waits again, what
        may have is answered with that."""
        batch = self.under_way = self._batches.make(self._queue.waiting, self._fence.holder, self._clock())
        self._queue.expected.batch(len(batch.decided), left=len(self._queue.waiting))
        try:
            if batch.decided:
                self._batches.settle(batch, await self._prove(batch))
                self._queue.expected.settled()
        except Deposed:
            self._batches.undo(batch)
            self._queue.put_back([decided.pending for decided in batch.decided])
            raise
        except BaseException:
            # What appended nothing was decided on what may not have happened: it is decided again.
            self._batches.undo(batch)
            unknown = UnknownOutcome("The log has not said that it took this; repeat with the same key.")
            refuse([decided.pending for decided in changes(batch)], unknown)
            self._queue.put_back([decided.pending for decided in batch.decided if not decided.events])
            raise
        finally:
            self.under_way = GroupCommit()
        for decided in changes(batch):
            intent = decided.pending.intent
            self._watches.tell(intent.command.aggregate_id, decided.events, decided.after.state, intent.follows)

    async def _prove(self, batch: GroupCommit) -> int:
        """Append what was decided; where that is nothing, show that it was not decided on an outdated state. Gives the
        offset of the first record, or of one up to which the decisions hold."""
        if not batch.records and self._claim_lasts():
            return self._fence.position.next_offset - 1
        return await self._fence.append(batch.records or [beat(self._fence.holder)])
