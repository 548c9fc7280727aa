"""The commands of one partition that wait for their batch, in the order in which they are to be decided."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from command_api.intent import Answer, Intent, Pending, refuse
from command_api.refusals import NotReady
from command_api.writer.expected_wait import ExpectedWait

HOLD_SECONDS = 5.0
"""How long a command waits for a partition that is being claimed, before 503."""


class CommandQueue:
    """``work`` is set whenever a command comes. ``expected`` is told of each batch how long it took."""

    def __init__(self, partition: str, work: asyncio.Event) -> None:
        self.waiting: deque[Pending] = deque()
        self.expected = ExpectedWait()
        self._partition = partition
        self._work = work

    def __bool__(self) -> bool:
        return bool(self.waiting)

    @property
    def expected_wait(self) -> float:
        """Seconds that a command put here now is going to wait, 0 when none is before it."""
        return self.expected.behind(len(self.waiting))

    def put(self, intent: Intent) -> "asyncio.Future[Answer]":
        """Let a command wait, as the last. The future gives its answer or raises a ``Problem``."""
        pending = Pending(intent, asyncio.get_running_loop().create_future())
        self.waiting.append(pending)
        self._work.set()
        return pending.future

    def put_back(self, pendings: Sequence[Pending]) -> None:
        """Let these wait again, before all others."""
        self.waiting.extendleft(reversed(pendings))
        self._work.set()

    def expire(self) -> None:
        """Refuse the commands that have waited too long: none of them has happened."""
        oldest_allowed = time.monotonic() - HOLD_SECONDS
        late = [pending for pending in self.waiting if pending.since < oldest_allowed]
        if late:
            for pending in late:
                self.waiting.remove(pending)
            refuse(late, NotReady(f"{self._partition} could not be written within {HOLD_SECONDS:.0f} s."))

    def refuse_all(self, problem: Exception) -> None:
        """Answer all that wait with this problem."""
        refuse(self.waiting, problem)
        self.waiting.clear()
