"""Processes in simulated time, with a network between them.

What a seed decides it decides always, so a seed replays a run exactly. Nothing ever waits for a real clock.
"""

import asyncio
import heapq
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from tests.contract.model.process import Process

EPOCH = 1_767_225_600.0
"""Where the simulated time begins, seconds since 1970."""


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
