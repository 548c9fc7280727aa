"""The group of instances as its members see it: who should hold the shard, told late, and sometimes wrongly.

``Coordinator`` keeps the promises on which the proof in ``command_api.group.lease`` stands and no others. Where it is
``wild`` it keeps none: it gives the shard to anybody, also to several at once, and nobody has a lease.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from command_api.group.lease import Lease, now
from tests.contract.model.process import Process
from tests.contract.model.world import World

SESSION_SECONDS = 3.0
HEARTBEAT_SECONDS = 0.5
GIVE_UP_SECONDS = 2 * SESSION_SECONDS
"""After this a member asks again: the request or its answer is lost."""

Assigned = tuple[int, str]
"""Generation, and the member that should hold the shard."""


class Coordinator:
    """Runs in a process of its own, which is never paused: that others are late is what matters here."""

    def __init__(self, world: World, wild: bool) -> None:
        self.wild = wild
        self.leases = not wild
        """Whether members have leases: all of them or none, also after the group has calmed down."""
        self.process = world.process("coordinator")
        self.assigned: Assigned = (0, "")
        self._world = world
        self._heard: dict[str, float] = {}
        """When each member was last heard of."""
        self._joining: dict[str, Callable[[Assigned], None]] = {}
        self._expires: float | None = None
        """When the rebalance that is under way waits no longer; None when there is none."""
        self.process.create_task(self._watch(), name="watch")

    def join(self, member: str, answer: Callable[[Assigned], None]) -> None:
        """A member wants an assignment: it is answered when all have asked, or the others are given up."""
        self._heard[member] = self._world.now
        self._joining[member] = answer
        self.rebalance()

    def heartbeat(self, member: str, generation: int, answer: Callable[[bool], None]) -> None:
        """Answers whether the member's assignment still holds; if not, it has to join again."""
        known = member in self._heard
        if known:
            self._heard[member] = self._world.now
        answer(known and self._expires is None and generation == self.assigned[0])

    def rebalance(self) -> None:
        """Have all members ask for a new assignment."""
        if self._expires is None:
            self._expires = self._world.now + SESSION_SECONDS

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            silent = [m for m, heard in self._heard.items() if heard + SESSION_SECONDS <= self._world.now]
            for member in silent:
                if member not in self._joining:
                    del self._heard[member]
                    self.rebalance()
            if self._expires is None or not self._joining:
                continue
            if set(self._joining) == set(self._heard) or self._expires <= self._world.now:
                self._settle()

    def _settle(self) -> None:
        self._heard = dict.fromkeys(self._joining, self._world.now)
        self.assigned = self.assigned[0] + 1, self._world.rng.choice(sorted(self._joining))
        for answer in self._joining.values():
            answer(self.assigned)
        self._joining, self._expires = {}, None


class Member:
    """What an instance does to belong to the group, in the instance's own process."""

    def __init__(self, world: World, process: Process, coordinator: Coordinator, hold: Callable[[bool], None]) -> None:
        self._lease = Lease(SESSION_SECONDS)
        self._world = world
        self._process = process
        self._coordinator = coordinator
        self._hold = hold

    def lease_term(self) -> int:
        """As ``Membership.lease_term``."""
        return self._lease.term()

    async def run(self) -> None:
        """Ask for an assignment and follow it; again and again."""
        while True:
            if self._coordinator.wild:
                await asyncio.sleep(self._world.rng.uniform(0.1, 3))
                if self._coordinator.wild:
                    self._hold(self._world.rng.random() < 0.7)
                continue
            self._lease.end()
            sent = now()
            assigned = await self._ask(self._coordinator.join)
            if assigned is not None:
                self._lease.begin(sent)
                self._hold(assigned[1] == self._process.name)
                await self._belong(assigned[0])

    async def _belong(self, generation: int) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            sent = now()
            good = await self._ask(self._coordinator.heartbeat, generation)
            if good:
                self._lease.renew(sent)
            elif good is False:
                return

    async def _ask(self, what: Callable[..., None], *args: object) -> Any:
        return await self._world.ask(self._coordinator.process, GIVE_UP_SECONDS, what, self._process.name, *args)
