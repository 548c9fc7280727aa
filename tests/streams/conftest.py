"""A topic of a test's own with two claimed partitions, and the streams over it as a process that can be killed."""

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from event_schemas.event import Event
from infra.settings import REPOSITORY, Settings
from tests.support.log import LogWriter, create_topics, delete_topics
from tests.support.poll import until

PARTITIONS = 2


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Streams:
    """The process: `start`, `kill`, and what it has published."""

    def __init__(self, redis: Redis, name: str, log: Path) -> None:
        self.name = name
        self.writer: LogWriter
        self.ends = [0] * PARTITIONS
        self.group = f"stockroom-{name}-v1"
        self._redis = redis
        self._log = log
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._ports = [free_port(), free_port()]

    async def start(self, number: int = 0) -> None:
        """Start it, or a second one with `number` 1; returns at once."""
        with self._log.open("ab") as log:
            self._processes[number] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-m", "tests.streams", self.name, self.name),
                cwd=REPOSITORY,
                env={**os.environ, "STOCKROOM_STREAMS_PORT": str(self._ports[number])},
                stdout=log,
                stderr=log,
            )

    def send(self, signal_number: signal.Signals, number: int = 0) -> None:
        """Send the process a signal."""
        self._processes[number].send_signal(signal_number)

    async def end(self, signal_number: signal.Signals = signal.SIGKILL, number: int = 0) -> int:
        """End the process by a signal; gives the exit code."""
        self.send(signal_number, number)
        return await self.ended(number)

    async def ended(self, number: int = 0) -> int:
        """Wait for the end of the process; gives the exit code."""
        async with asyncio.timeout(20):
            return await self._processes[number].wait()

    async def end_all(self) -> None:
        """Kill what still runs."""
        for number, process in self._processes.items():
            if process.returncode is None:
                await self.end(number=number)

    async def append(self, partition: int, events: Iterable[tuple[str, Event]]) -> None:
        """Append (key, event) pairs under the claim of the test's writer."""
        events = list(events)
        self.ends[partition] = await self.writer.append(partition, events) + len(events)

    async def caught_up(self) -> None:
        """Wait until all that was appended is published, windows and partners."""
        for what in ("next_offset", "paired"):
            await until(partial(self.positions, what), lambda found: found == self.ends, 60)

    async def positions(self, what: str = "next_offset") -> list[int]:
        """Up to which offset of each partition windows are published, or partners (`paired`)."""
        found = await self.hash("pos")
        return [orjson.loads(found.get(str(number), b"{}")).get(what, 0) for number in range(PARTITIONS)]

    async def hash(self, key: str) -> dict[str, bytes]:
        """A hash in Redis."""
        found: Any = await self._redis.hgetall(f"{self.name}:1:{key}")
        return {field.decode(): value for field, value in found.items()}

    async def scores(self, key: str) -> Counter[str]:
        """Members of a sorted set and their scores, summed over the partitions."""
        total: Counter[str] = Counter()
        for partition in range(PARTITIONS):
            found: Any = await self._redis.zrange(f"{self.name}:1:{key}:{partition}", 0, -1, withscores=True)
            total.update({member.decode(): int(score) for member, score in found})
        return total

    async def metrics(self) -> str:
        """What the health port tells Prometheus."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{self._ports[0]}/metrics")).text

    async def get(self, path: str, number: int = 0) -> tuple[int, Any]:
        """Status and body of an answer on the health port; 0 while nobody answers."""
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                answer = await client.get(f"http://127.0.0.1:{self._ports[number]}{path}")
            except httpx.HTTPError:
                return 0, None
        return answer.status_code, answer.json()


@pytest.fixture
async def streams(settings: Settings, redis: Redis, unique: str, tmp_path: Path) -> AsyncIterator[Streams]:
    """The process, not started yet; killed at the end."""
    changelog = f"stockroom-{unique}-v1-now-changelog"
    await create_topics(settings.bootstrap_servers, [unique], PARTITIONS)
    made = Streams(redis, unique, tmp_path / "streams.log")
    async with LogWriter(settings.bootstrap_servers, unique) as made.writer:
        for partition in range(PARTITIONS):
            made.ends[partition] = await made.writer.claim(partition) + 1
        try:
            yield made
        finally:
            await made.end_all()
            print((tmp_path / "streams.log").read_text()[-5_000:])
    await delete_topics(settings.bootstrap_servers, [unique, changelog])
    async for key in redis.scan_iter(f"{unique}:*"):
        await redis.delete(key)
    await redis.delete(f"active:{unique}")
