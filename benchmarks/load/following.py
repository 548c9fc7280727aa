"""Follows answers to commands: asks the query API for what a command changed, with the token of its answer.

What is measured is from the command's answer to the query's, the wait for a free connection included.
"""

import asyncio
import re
import time
from collections import Counter, deque
from typing import NamedTuple

from benchmarks.load.connection import Connection

TOKEN = re.compile(rb"\r\nconsistency-token: *([^\r]+)", re.IGNORECASE)
LOCATION = re.compile(rb"\r\nlocation: *https?://([^/\r]+)(/[^\r]*)", re.IGNORECASE)


class Answered(NamedTuple):
    """A command's answer: when it came, by the clock `time.perf_counter`, and its Consistency-Token."""

    at: float
    token: str


class Follower:
    """Remembers every good answer, and asks for every `every`-th what it changed. The clock is `time.perf_counter`,
    which on Linux all processes share."""

    def __init__(self, every: int) -> None:
        self.since = 0.0
        """What was answered before is followed too, but not remembered."""
        self.idle = asyncio.Event()
        """Set while no query is under way."""
        self.answers: list[Answered] = []
        self.seconds: list[float] = []
        """From an answer until the query with its token was answered."""
        self.failures: Counter[str] = Counter()
        self._every = every
        self._count = 0
        self._free: list[Connection] = []
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._in_flight = 0
        self.idle.set()

    async def connect(self, host: str, port: int, clients: int) -> None:
        """Open the connections to the query API. Raises `OSError`."""
        for _ in range(clients):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(b"", self._shown), host, port
            )
            self._free.append(connection)

    @property
    def waiting(self) -> int:
        """Queries that are not answered yet."""
        return self._in_flight + len(self._waiting)

    def answered(self, head: bytes) -> str:
        """A command was answered well. Gives why it cannot be followed; the text is empty when it can."""
        now = time.perf_counter()
        token, location = TOKEN.search(head), LOCATION.search(head)
        if token is None or location is None:
            return "answer without token or location"
        if now >= self.since:
            self.answers.append(Answered(now, token[1].decode()))
        self._count += 1
        if self._count % self._every == 0:
            host, path = location.groups()
            request = b"GET %b HTTP/1.1\r\nHost: %b\r\nConsistency-Token: %b\r\n\r\n" % (path, host, token[1])
            self._waiting.append((request, now))
            self.idle.clear()
            self._send_on()
        return ""

    def close(self) -> None:
        """Let go of the connections; what is not answered is a failure."""
        if self.waiting:
            self.failures["no answer"] += self.waiting
        for connection in self._free:
            connection.close()

    def _shown(self, connection: Connection, failure: str) -> None:
        self._in_flight -= 1
        if failure:
            self.failures[failure] += 1
        elif connection.due >= self.since:
            self.seconds.append(time.perf_counter() - connection.due)
        if connection.is_open:
            self._free.append(connection)
        self._send_on()
        if not self.waiting:
            self.idle.set()

    def _send_on(self) -> None:
        while self._waiting and self._free:
            request, answered = self._waiting.popleft()
            self._in_flight += 1
            self._free.pop().send(request, answered, time.perf_counter())
