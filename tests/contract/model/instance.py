"""One instance of the command API: the project's own writers, over the in-memory logs, as a member of the group."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent
from command_api.refusals import NotReady
from command_api.writer.aggregate import Versioned
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.partition_writer import REJOIN_SECONDS
from command_api.writer.writers import Writers
from domain.decider import Decider
from domain.order import ORDER
from domain.stock_item import STOCK_ITEM
from infra.http.problems import Problem
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.memory_snapshots import MemorySnapshots
from tests.contract.model.group import Coordinator, Member
from tests.contract.model.store import Store
from tests.contract.model.world import EPOCH, World

DECIDERS: tuple[Decider[Any], ...] = (STOCK_ITEM, ORDER)
MOST_KEYS = 10_000

Logs = Mapping[str, SharedLog]
"""The only partition of each topic, by topic."""
Outcome = Answer | Exception | None
"""What a client is told: an answer, a refusal, or nothing."""


class Instance:
    """An instance from its start to its death. What it remembers dies with it."""

    def __init__(self, world: World, name: str, coordinator: Coordinator, logs: Logs, store: Store) -> None:
        self.process = world.process(name)
        self._world = world
        self._logs = logs
        self._store = store
        self.handed_in: list[tuple[Intent, asyncio.Future[Answer]]] = []
        """The commands that got to the writers, in this order."""
        self._skew = world.rng.uniform(-0.5, 0.5)
        self._member = Member(world, self.process, coordinator, self.hold)
        self.writers = self._make_writers(coordinator)
        self.running = self.process.create_task(self.writers.run(), name="writers")
        self.process.create_task(self._member.run(), name="member")

    def _make_writers(self, coordinator: Coordinator) -> Writers:
        """The one place where the model makes what it tests."""
        return Writers(
            DECIDERS,
            partitions=1,
            open_log=lambda topic, _: MemoryLog(self._logs[topic], self._world.turn, self._loses),
            keys=KeyWindow(24, MOST_KEYS),
            most_queued=1_000,
            most_seconds=60.0,
            keepers=Keepers(
                MemorySnapshots(self._store.shared, self._world.turn, self._loses_a_call),
                "model",
                self._store.pace,
                most_cached=self._world.rng.randint(0, self._store.most_cached),
            ),
            lease=self._member.lease_term if coordinator.leases else None,
            clock=lambda: datetime.fromtimestamp(EPOCH + self._world.now + self._skew, UTC),
        )

    def hold(self, whether: bool) -> None:
        """Be told by the group whether the shard should be held here."""
        self.writers.hold([0] if whether else [])

    def serve(self, intent: Intent, patience: float | None, answer: Callable[[Outcome], None]) -> None:
        """Take a client's request. ``patience``: after so many seconds the client has gone, None: it stays."""
        task = self.process.create_task(self._serve(intent, answer), name=f"serve {intent.command_id}")
        if patience is not None:
            self.process.call_later(patience, task.cancel)

    async def _serve(self, intent: Intent, answer: Callable[[Outcome], None]) -> None:
        try:
            answer(await self._carry_out(intent))
        except (Problem, HeldElsewhere, AssertionError, LookupError, ValueError, TypeError) as told:
            answer(told)

    async def _carry_out(self, intent: Intent) -> Answer:
        """As ``Desk.carry_out`` does."""
        of = intent.command.topic, intent.command.aggregate_id
        if self.writers.of(*of).claiming:
            await self.writers.ready(*of)
        known = self.writers.recall(*of, intent.command_id, intent.fingerprint)
        if known is not None:
            return known
        future = self.writers.submit(intent)
        self.handed_in.append((intent, future))
        return await future

    async def knows(self, topic: str, subjects: Collection[str]) -> dict[str, Versioned]:
        """Aggregates as this instance has them, or gets them from the snapshot."""
        known = {}
        for subject in subjects:
            await self._ready(topic, subject)
            known[subject] = self.writers.of(topic, subject).acknowledged(subject)
        return known

    async def _ready(self, topic: str, subject: str) -> None:
        try:
            await self.writers.ready(topic, subject)
        except NotReady:  # only now it was found that the snapshot cannot be gone on with
            await asyncio.sleep(REJOIN_SECONDS + 1)
            await self._ready(topic, subject)

    def leave(self) -> None:
        """Stop in the proper way: what is queued is done, and what has changed is saved."""
        self.process.call_soon(self.writers.stop)

    def _loses(self) -> str:
        lost = self._world.losses
        return self._world.rng.choices(["nothing", "request", "answer"], [1 - 3 * lost, 1.5 * lost, 1.5 * lost])[0]

    def _loses_a_call(self) -> str:
        lost = self._world.losses
        return self._world.rng.choices(["nothing", "request", "answer", "late"], [1 - 3 * lost, lost, lost, lost])[0]
