"""Members of a group of their own on real Kafka: in this process, or as child processes that can be stopped."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from command_api.group.membership import Membership
from command_api.group.routing import Routing
from infra.settings import REPOSITORY
from tests.support.poll import until

PARTITIONS = 12


class Members:
    """Makes members of one group and ends them with the test."""

    def __init__(self, bootstrap_servers: str, topics: Sequence[str], group_id: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.topics = topics
        self.group_id = group_id
        self.tasks: dict[Membership, asyncio.Task[None]] = {}
        self._processes: list[MemberProcess] = []

    def member(self, name: str, address: str | None = None, **options: Any) -> Membership:
        """A member that has not been started."""
        address = address or f"http://{name}:8001"
        return Membership(
            self.bootstrap_servers, self.topics, PARTITIONS, address, f"http://{name}", self.group_id, **options
        )

    def start(self, name: str, address: str | None = None, **options: Any) -> Membership:
        """A member that joins."""
        member = self.member(name, address, **options)
        self.tasks[member] = asyncio.create_task(member.run())
        return member

    async def crash(self, member: Membership) -> None:
        """End a member without a word to Kafka."""
        task = self.tasks.pop(member)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def process(self, name: str) -> "MemberProcess":
        """A member in a process of its own."""
        child = await MemberProcess.started(self, name)
        self._processes.append(child)
        return child

    async def close(self) -> None:
        """Kill what runs."""
        for child in self._processes:
            await child.kill()
        for member in list(self.tasks):
            await self.crash(member)


async def settled(*members: Membership, seconds: float = 20) -> Routing:
    """Wait until these members share all shards in one generation; gives the first one's routing."""

    async def routings() -> list[Routing]:
        return [member.routing for member in members]

    def agree(routings: list[Routing]) -> bool:
        shards = sorted(shard for routing in routings for shard in routing.mine)
        return len({routing.generation for routing in routings}) == 1 and shards == list(range(PARTITIONS))

    return (await until(routings, agree, seconds))[0]


async def has_lease(member: Membership, expected: bool = True, seconds: float = 10) -> None:
    """Wait until a member has a lease, or has none."""

    async def ask() -> bool:
        return member.lease_valid()

    await until(ask, lambda valid: valid is expected, seconds)


class MemberProcess:
    """A child process with one member. ``told`` are its lines: see `member_process.py`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.told: list[dict[str, Any]] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def started(cls, members: Members, name: str) -> "MemberProcess":
        """Start it; it joins by itself."""
        arguments = [members.bootstrap_servers, ",".join(members.topics), members.group_id, name]
        program = [sys.executable, "-m", "tests.command_api.group.member_process", *arguments]
        pipe = asyncio.subprocess.PIPE
        return cls(name, await asyncio.create_subprocess_exec(*program, cwd=REPOSITORY, stdout=pipe))

    @property
    def assignments(self) -> list[dict[str, Any]]:
        """Its assignments so far."""
        return [line for line in self.told if "mine" in line]

    @property
    def looks(self) -> list[dict[str, Any]]:
        """What it saw when it looked at its lease."""
        return [line for line in self.told if "valid" in line]

    async def assigned(self, after: int = 0, seconds: float = 20) -> dict[str, Any]:
        """Its newest assignment, once it has had more than ``after``."""

        async def ask() -> list[dict[str, Any]]:
            return self.assignments

        return (await until(ask, lambda found: len(found) > after, seconds))[-1]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to a process that runs."""
        os.kill(self._process.pid, number)

    async def kill(self) -> None:
        """Kill it, however it is, and read what it said last."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            with contextlib.suppress(json.JSONDecodeError):  # a process that was killed ends in the middle of a line
                self.told.append(json.loads(line))
