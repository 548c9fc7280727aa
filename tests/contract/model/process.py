"""One process in simulated time: an event loop that runs one callback at a time, whenever the world says.

A paused process keeps its tasks and its timers, as one does after SIGSTOP: when it goes on, time has passed.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")


class Process(asyncio.AbstractEventLoop):
    """One process: what asyncio needs of an event loop, without a way to wait."""

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self.name = name
        self.dead = False
        self.paused_until = 0.0
        self._now = now
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timer_number = 0
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def time(self) -> float:
        return self._now()

    def get_debug(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timer_number += 1
        heapq.heappush(self._timers, (when, self._timer_number, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer stays in the heap until its time has come."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # of a coroutine, which is all that the product hands in
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An outcome that nobody has looked at: its client has gone."""

    def next_time(self) -> float | None:
        """When this process will run next, None when nothing is left to do."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if self._ready:
            return max(self._now(), self.paused_until)
        return max(self._timers[0][0], self.paused_until) if self._timers else None

    def run_one(self) -> None:
        """Run the next callback that is due."""
        while self._timers and self._timers[0][0] <= self._now():
            self._ready.append(heapq.heappop(self._timers)[2])
        if self._ready and not (handle := self._ready.popleft()).cancelled():
            asyncio._set_running_loop(self)
            try:
                handle._run()
            finally:
                asyncio._set_running_loop(None)

    def kill(self) -> None:
        """End it as SIGKILL does: nothing that it had begun goes on."""
        self.dead = True
        for _ in range(100):  # a task may wait for others in its own end
            for task in list(self._tasks):
                task.cancel()
            while self._ready:
                self.run_one()
            if not self._tasks:
                return
        raise AssertionError(f"{self.name} does not end: {self._tasks}")
