"""The writer of one partition: decides its commands one after the other and appends their events in group commits.

While a batch is on its way, arriving commands queue; the next batch takes them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from command_api.fence.claim_term import ClaimTerm
from command_api.fence.fence import ClaimUntimely, Deposed, Fence, Trespass
from command_api.fence.log import Log, OutcomeUnknown
from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent, refuse
from command_api.refusals import LogStopped, NotLoaded, NotReady
from command_api.snapshots.snapshot import Mark, SnapshotAway, SnapshotMoved, SnapshotWrong
from command_api.writer.aggregate import Versioned
from command_api.writer.batch import BatchMaker, recall
from command_api.writer.command_queue import HOLD_SECONDS, CommandQueue
from command_api.writer.committer import Committer
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory
from command_api.writer.parking import Parking
from command_api.writer.take_over import TakeOver, within
from command_api.writer.timers import Timers
from command_api.writer.watch import Watches
from domain.decider import Decider
from infra.http.problems import Problem
from infra.log_batch import LogBroken

REJOIN_SECONDS = 1.0
"""How long a deposed writer leaves the partition to the one that claimed it."""

logger = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of a running process."""
    return datetime.now(UTC)


class PartitionWriter:
    """One partition of one topic, with its aggregates in memory. ``run`` is the only task that claims or appends.

    Memory begins with the partition's snapshot, of ``keepers``; a command whose aggregate is only there waits aside.
    ``lease`` is that of ``ClaimTerm``: a claim is made only under one. ``clock`` gives the business time of events and
    tells which deadlines have passed.
    """

    def __init__(
        self,
        log: Log,
        decider: Decider[Any],
        keys: KeyWindow,
        keepers: Keepers,
        lease: Callable[[], int] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = f"{log.topic}/{log.partition}"
        self.log = log
        self.watches = Watches()
        self._memory = Memory(decider, keys)
        self._work = asyncio.Event()
        self._keeper = keepers.keeper(log.topic, log.partition, decider, self._memory, keys, self._work.set)
        self._fence = Fence(
            log,
            self._memory.fold,
            may_claim=self._may_claim,
            prepare=self._keeper.prepare,
            reached=self._reached,
        )
        self._take_over = TakeOver(self.name, self._fence, self._keeper)
        self._queue = CommandQueue(self.name, self._work)
        self._parking = Parking(self._keeper.load, self._memory.cold, self._queue.put_back)
        self._batches = BatchMaker(log.topic, log.partition, decider, self._memory, self._parking)
        self._committer = Committer(self._queue, self._batches, self._fence, self.watches, self._claim_lasts, clock)
        self._timers = Timers(log.topic, decider, self._memory, self.acknowledged, self.submit, self._warm)
        self._warming: set[asyncio.Task[None]] = set()
        self._term = ClaimTerm(lease)
        self._clock = clock
        self._released = False
        self._stopping = asyncio.Event()
        self._claimed = asyncio.Event()
        self._broken: LogBroken | None = None

    @property
    def claiming(self) -> bool:
        """Whether the partition is not held yet, or not any more, and will be."""
        return not (self._fence.holds or self._committer.under_way.decided or self._broken is not None)

    @property
    def trouble(self) -> str:
        """Why this partition needs a person, empty when it does not."""
        if self._broken is not None:
            return f"{self.name} stopped: {self._broken}"
        quarantined, away = self._memory.quarantined, self._keeper.saver.trouble
        first = [f"{subject} at {why}"[:200] for subject, why in sorted(quarantined.items())[:3]]
        told = [f"{len(quarantined)} aggregates quarantined: {', '.join(first)}"] if quarantined else []
        told += [f"no snapshots, starts take longer and memory grows: {away}"] if away else []
        return f"{self.name}: {'; '.join(told)}" if told else ""

    @property
    def next_offset(self) -> int:
        """The offset after all that is acknowledged or folded here."""
        return self._fence.position.next_offset

    @property
    def expected_wait(self) -> float:
        """Seconds that a command handed in now is going to wait in the queue, 0 when none is before it."""
        return self._queue.expected_wait

    def limit_cache(self, aggregates: int) -> None:
        """Keep at most so many aggregates in memory that have not changed since the last snapshot."""
        self._memory.most_cached = aggregates

    async def ready(self, subject: str) -> None:
        """Wait until the partition is held, or will not be, but no longer than a command is held; then until the
        aggregate is in memory. Raises ``DependencyUnavailable`` or ``NotReady`` when it cannot be loaded."""
        if self.claiming:
            await within(HOLD_SECONDS, self._claimed)
        try:
            await self._keeper.load([subject])
        except SnapshotAway as away:
            raise NotLoaded(away) from away
        except (SnapshotMoved, SnapshotWrong) as lost:
            raise NotReady(f"{self.name} is being claimed anew.") from lost

    def acknowledged(self, subject: str) -> Versioned:
        """An aggregate as the log has acknowledged it, whatever is on its way; ``ready`` comes first. Raises
        ``Quarantined``."""
        return self._committer.under_way.before.get(subject) or self._memory.get(subject)

    def recall(self, subject: str, command_id: str, fingerprint: str) -> Answer | None:
        """The first answer to a command on ``subject`` that was carried out already. Raises ``KeyReused``."""
        return recall(self._memory, subject, command_id, fingerprint)

    def submit(self, intent: Intent) -> "asyncio.Future[Answer]":
        """Queue a command. The future gives its answer or raises a ``Problem``.

        Raises ``LogStopped`` at once when the partition has stopped, ``HeldElsewhere`` when it is left, or will be.
        """
        if self._broken is not None:
            raise LogStopped(str(self._broken), code=self._broken.code)
        if self._stopping.is_set():
            raise self._gone()
        return self._queue.put(intent)

    def expire(self) -> None:
        """Refuse the commands that have waited too long in the queue: none of them has happened."""
        self._queue.expire()

    def tick(self) -> None:
        """While the partition is held, have the deadlines carried out that have passed, and a snapshot taken when one
        is due. To be called several times a second."""
        if self._stopping.is_set() or self.claiming or self._broken is not None:
            return
        now = self._clock()
        self._keeper.look_at_deadlines(now)
        self._timers.fire(now)
        if not self._committer.under_way.decided:
            self._keeper.saver.offer(self._fence.mark)

    def _warm(self, subject: str) -> None:
        async def load() -> None:
            with suppress(Problem):
                await self.ready(subject)

        task = asyncio.create_task(load(), name=f"load {subject}")
        self._warming.add(task)
        task.add_done_callback(self._warming.discard)

    async def run(self) -> None:
        """Claim, then carry out commands until ``stop``; claim again after every loss of the partition."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._take_over.run(self._stopping)
                    self._claimed.set()
                    await self._serve()
                except Deposed as deposed:
                    logger.warning("deposed", partition=self.name, why=str(deposed))
                    self._take_over.anew = True
                    await within(REJOIN_SECONDS, self._stopping)
                except Trespass as trespass:
                    logger.critical("somebody writes under our claim, claiming again", why=str(trespass))
                except OutcomeUnknown as unknown:
                    logger.warning("outcome unknown, claiming again", partition=self.name, why=str(unknown))
                finally:
                    if not self._stopping.is_set():
                        self._claimed.clear()
            if self._fence.holds and not self._released:  # else the next owner may have begun with what is kept
                await self._keeper.saver.close(self._fence.mark)
        except LogBroken as broken:
            self._broken = broken
            self._claimed.set()
            logger.critical("the log is not what was acknowledged", partition=self.name, why=str(broken))
            self._refuse_all(LogStopped(str(broken), code=broken.code))
        finally:
            self._refuse_all(self._gone())
            self.watches.end()
            await self._keeper.saver.settled()
            await self.log.close()

    def _refuse_all(self, problem: Exception) -> None:
        self._queue.refuse_all(problem)
        refuse(self._parking.empty(), problem)

    def stop(self) -> None:
        """Let ``run`` end once what is queued is done. Where the partition is not held, it ends with the try to claim
        it: what is queued has not happened then, and may be sent elsewhere."""
        self._work.set()
        self._stopping.set()
        self._claimed.set()

    def release(self) -> None:
        """Leave the partition to the instance that the group has given it to: what is queued has not happened and may
        be sent there, what is under way is answered as the log says."""
        self._released = True
        self.stop()
        self._refuse_all(self._gone())

    def _gone(self) -> Exception:
        return HeldElsewhere(self.log.partition)

    def _may_claim(self) -> bool:
        return self._term.may_claim() and not self._stopping.is_set()

    def _claim_lasts(self) -> bool:
        return self._term.lasts() and not self._stopping.is_set()

    async def _reached(self, mark: Mark) -> None:
        if self._stopping.is_set():
            raise ClaimUntimely(f"{self.name} is left before it is held")
        await self._keeper.saver.reached(mark)

    async def _serve(self) -> None:
        while self._fence.holds:
            if self._keeper.lost is not None:
                # Memory is about to go back to what is stored: nothing may be answered from it, or saved, till a claim.
                self._fence.give_up()
                raise Deposed(f"the snapshot is not ours any more: {self._keeper.lost}")
            if self._queue:
                await self._committer.commit()
                self._keeper.saver.offer(self._fence.mark)
                self._memory.trim()
                if self._queue:  # what appends nothing waits for nothing: let others have their turn
                    await asyncio.sleep(0)
            elif self._stopping.is_set():
                return
            else:
                self._work.clear()
                await self._work.wait()
