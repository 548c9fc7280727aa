"""Processes in simulated time: each is an event loop of its own, one of them runs one callback at a time.

What a seed decides it decides always, so a seed replays a run exactly. A paused process keeps its tasks and its timers,
as one does after SIGSTOP: when it goes on, time has passed. Nothing ever waits for a real clock.
"""

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import Any, TypeVarTuple
from unittest.mock import patch

EPOCH = 1_767_225_600.0
"""Where the simulated time begins, seconds since 1970."""

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
        self._tasks: set[asyncio.Task[Any]] = set()

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
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
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
            for task in sorted(self._tasks, key=lambda task: task.get_name()):
                task.cancel()
            while self._ready:
                self.run_one()
            if not self._tasks:
                return
        raise AssertionError(f"{self.name} does not end: {self._tasks}")


class World:
    """The processes, the time that they share, and the network between them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.losses = 0.0
        """The share of messages that get lost."""
        self.processes: list[Process] = []
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._plan_number = 0

    def process(self, name: str) -> Process:
        """A new process."""
        made = Process(name, lambda: self.now)  # type: ignore[abstract]  # it has what is used
        self.processes.append(made)
        return made

    async def turn(self) -> None:
        """A way through the network: mostly short, now and then long."""
        await asyncio.sleep(self.delay())

    def delay(self) -> float:
        """How long a message takes, in seconds."""
        return self.rng.expovariate(1 / 0.01) if self.rng.random() < 0.98 else self.rng.uniform(0.1, 2)

    def tell(self, receiver: Process, callback: Callable[..., object], *args: Any) -> None:
        """Have ``callback`` called in another process, when the message is there; never in one that is dead then."""
        receiver.call_later(self.delay(), callback, *args)

    async def ask(self, receiver: Process, seconds: float, what: Callable[..., object], *args: Any) -> Any:
        """Have ``what`` called in another process, with a callback for its answer; None when none comes in time."""
        asker = asyncio.get_running_loop()
        assert isinstance(asker, Process)
        future = asker.create_future()

        def settle(value: object) -> None:
            if not future.done():
                future.set_result(value)

        def answer(value: object) -> None:
            if self.rng.random() >= self.losses:
                self.tell(asker, settle, value)

        if self.rng.random() >= self.losses:
            self.tell(receiver, what, *args, answer)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await future

    def plan(self, after: float, act: Callable[[], None]) -> None:
        """Have something done from outside of all processes, in so many seconds."""
        self._plan_number += 1
        heapq.heappush(self._planned, (self.now + after, self._plan_number, act))

    def run_until(self, done: Callable[[], bool], deadline: float) -> bool:
        """Let the processes run until ``done`` or the deadline; says which."""
        while not done():
            times = [(at, p) for p in self.processes if not p.dead and (at := p.next_time()) is not None]
            first = min(at for at, _ in times)
            if self._planned and self._planned[0][0] <= first:
                at, _, act = heapq.heappop(self._planned)
                self.now = max(self.now, at)
                act()
                continue
            if first > deadline:
                return False
            self.now = max(self.now, first)
            due = [p for at, p in times if at <= self.now]
            (due[0] if len(due) == 1 else self.rng.choice(due)).run_one()
        return True


@contextmanager
def simulated_time(world: World) -> Iterator[None]:
    """All clocks and the dice of the program follow the world."""
    dice = random.getstate()
    random.seed(world.rng.random())
    try:
        with (
            patch.object(time, "time", lambda: EPOCH + world.now),
            patch.object(time, "monotonic", lambda: world.now),
            patch.object(time, "clock_gettime", lambda clock: world.now),
        ):
            yield
    finally:
        random.setstate(dice)
