"""The engine: every projection with its store, its runner, its group offsets and its dead letters, side by side.

One reader a projection, so that none waits for another; records of a topic that several read are decoded once.
Several workers share the partitions of each projection among themselves.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncpg
from redis.asyncio import Redis

from infra.lasting import until_cancelled
from infra.settings import Settings
from infra.stores_answer import ask_postgres, failing
from projectors.engine.dead_letter_topic import DeadLetters
from projectors.engine.group_offsets import GroupOffsets
from projectors.engine.runner import Runner
from projectors.engine.status import State
from projectors.engine.workers import Workers, worker_name
from projectors.log_ends import EVERY_SECONDS, LogEnds
from projectors.projection import Projection
from projectors.stores.connect import store_of
from projectors.stores.sorting import Decoder
from projectors.stores.store import Store


class Engine:
    """Runs projections until it is cancelled. Owns no connection: pool and Redis client are the caller's.

    ``worker`` is its name among the workers, by default its host and port; whoever ends it properly calls
    ``workers.leave``.
    """

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        redis: Redis,
        projections: Sequence[Projection],
        worker: str | None = None,
    ) -> None:
        servers = settings.bootstrap_servers
        self.settings = settings
        self._dsn = settings.dsn
        self.pool, self.redis, self.projections = pool, redis, projections
        readers = Counter(projection.topic for projection in projections)
        decoders = {topic: Decoder() if count > 1 else Decoder(0) for topic, count in readers.items()}
        self.ends = LogEnds(servers, readers)
        self.workers = Workers(pool, worker or worker_name(settings), projections)
        self.runners: list[Runner] = []
        self.stores: list[Store] = []
        self._dead_letters: list[DeadLetters] = []
        for projection in projections:
            store = store_of(pool, redis, projection, decoders[projection.topic])
            self.stores.append(store)
            runner = Runner(servers, projection, store, self.ends, self.workers)
            self.runners.append(runner)
            self._dead_letters.append(DeadLetters(servers, runner.status, store))
        self._offsets = [GroupOffsets(servers, runner.status) for runner in self.runners]

    async def run(self) -> None:
        """Project until cancelled. An unforeseen end of any part ends all of it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(until_cancelled(self.ends.run()))
            group.create_task(until_cancelled(self.workers.run()))
            group.create_task(until_cancelled(self._observe()))
            for runner, offsets, letters in zip(self.runners, self._offsets, self._dead_letters, strict=True):
                for part in (runner, offsets, letters):
                    group.create_task(until_cancelled(part.run()))

    async def not_ready(self) -> dict[str, str]:
        """What does not work at the moment, by projection or server, with the reason; empty when all does.

        A projection that waits for a person is not among them: ``alarms`` has it, and the others serve. The stores are
        asked: one that hangs is found out within 2.5 s, long before a projection gives it up.
        """
        postgresql, redis = await asyncio.gather(failing(partial(ask_postgres, self._dsn)), failing(self.redis.ping))
        servers = {"kafka": self.ends.error, "postgresql": postgresql, "redis": redis}
        reasons = {name: reason for name, reason in servers.items() if reason}
        for status in (runner.status for runner in self.runners):
            if status.state in (State.STARTING, State.WAITING):
                reasons[status.projection.name] = f"{status.state}: {status.last_error or 'not yet running'}"
        return reasons

    def alarms(self) -> list[str]:
        """The projections that go on only when a person has acted, a line each: ones to rebuild, and stopped ones."""
        return [
            f"{status.projection.name} {status.state}: {status.last_error}"
            for status in (runner.status for runner in self.runners)
            if status.state in (State.REBUILD_NEEDED, State.STOPPED)
        ]

    def described(self) -> list[dict[str, Any]]:
        """Every projection as JSON."""
        statuses = [runner.status for runner in self.runners]
        return [status.described(self.ends.of(status.projection.topic)) for status in statuses]

    async def _observe(self) -> None:
        while True:
            for status in (runner.status for runner in self.runners):
                status.observe(self.ends.of(status.projection.topic))
            await asyncio.sleep(EVERY_SECONDS)
