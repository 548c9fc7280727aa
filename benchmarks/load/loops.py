"""The two ways to load a server. Both tell a tally of each answer, by the clock `time.perf_counter`."""

import asyncio
import random
import signal
import time
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from benchmarks.load.connection import Connection
from benchmarks.load.measured import Tally

SHORTEST_SLEEP = 0.0005
"""Requests that fall due within so many seconds are sent together: a wake-up for each took a quarter of a core at
5,000 requests/s, this takes 0.14. What is sent later than due for it is part of the latency."""


class Loop(Protocol):
    """A way to load a server."""

    def start(self, connections: list[Connection]) -> None:
        """Begin to send over open connections."""

    def answered(self, connection: Connection, failure: str) -> None:
        """A connection has its answer."""

    def end(self) -> None:
        """The time is over: send what was due in it and is not sent yet, and nothing more from then on."""

    @property
    def waiting(self) -> int:
        """Requests that are due and not answered yet."""


class ClosedLoop:
    """Each client sends its next request when it has its answer, until `until`."""

    def __init__(self, requests: Iterator[bytes], tally: Tally, until: float) -> None:
        self.waiting = 0
        self._requests = requests
        self._tally = tally
        self._until = until

    def start(self, connections: list[Connection]) -> None:
        """See `Loop`."""
        for connection in connections:
            self._send(connection, time.perf_counter())

    def answered(self, connection: Connection, failure: str) -> None:
        """See `Loop`."""
        now = time.perf_counter()
        self.waiting -= 1
        self._tally.answered(connection.due, connection.sent, now, failure)
        if now < self._until and connection.is_open:
            self._send(connection, now)

    def end(self) -> None:
        """See `Loop`."""

    def _send(self, connection: Connection, now: float) -> None:
        self.waiting += 1
        connection.send(next(self._requests), now, now)


class OpenLoop:
    """Requests are due at a fixed rate until `until`, whatever the answers do. One that finds no free connection waits
    for one, and its latency is counted from the moment at which it was due (no coordinated omission, see Gil Tene,
    "How NOT to Measure Latency").

    The alarm is a signal: timers of the event loop are no finer than a millisecond.
    """

    def __init__(
        self, requests: Iterator[bytes], tally: Tally, began: float, until: float, rate: float, *, poisson: bool
    ) -> None:
        self._requests = requests
        self._tally = tally
        self._next = began
        self._until = until
        self._rate = rate
        self._poisson = poisson
        self._random = random.Random()
        self._free: list[Connection] = []
        self._late: deque[float] = deque()
        self._in_flight = 0

    @property
    def waiting(self) -> int:
        """See `Loop`."""
        return self._in_flight + len(self._late)

    def start(self, connections: list[Connection]) -> None:
        """See `Loop`."""
        self._free.extend(connections)
        asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, self._arrive)
        self._arrive()

    def answered(self, connection: Connection, failure: str) -> None:
        """See `Loop`."""
        now = time.perf_counter()
        self._in_flight -= 1
        self._tally.answered(connection.due, connection.sent, now, failure)
        if not connection.is_open:
            return
        if self._late:
            self._send(connection, self._late.popleft(), now)
        else:
            self._free.append(connection)

    def end(self) -> None:
        """See `Loop`. The alarm may be late, and would be taken for requests that nobody answers."""
        self._arrive()

    def _arrive(self) -> None:
        now = time.perf_counter()
        while self._next <= now and self._next < self._until:
            while self._free and not self._free[-1].is_open:
                self._free.pop()
            if self._free:
                self._send(self._free.pop(), self._next, now)
            else:
                self._late.append(self._next)
            self._next += self._random.expovariate(self._rate) if self._poisson else 1 / self._rate
        if self._next < self._until:
            signal.setitimer(signal.ITIMER_REAL, max(self._next - time.perf_counter(), SHORTEST_SLEEP))

    def _send(self, connection: Connection, due: float, now: float) -> None:
        self._in_flight += 1
        connection.send(next(self._requests), due, now)
