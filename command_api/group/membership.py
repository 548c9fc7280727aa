"""This instance's place in the group of command APIs: what it should hold, and how sure that is."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from command_api.group.assignor import ShardAssignor
from command_api.group.coordinator import GroupMember, InstanceIdTaken
from command_api.group.lease import MARGIN_SECONDS, Lease
from command_api.group.routing import NOWHERE, Routing
from infra.kafka_lifetime import started

LEAVE_SECONDS = 1.0
"""A coordinator that has not taken note of a leaving by then misses the member when its session runs out."""
TAKEN_SECONDS = 5.0
"""How long a member stays away after another process has come under its instance id."""
SILENT_SESSIONS = 3
"""After so many sessions without a lease the client is replaced: one can be alive and stuck. A rebalance takes two."""
TICK_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 2.0

logger = structlog.get_logger(__name__)


class Membership:
    """A static member of a consumer group that shares out shards. See ``GroupMember`` for the protocol, ``Lease`` for
    what may be concluded from it.

    ``address`` is the base URL at which other instances reach this one; ``instance_id`` its name in the group, which no
    other process may use at the same time. A member that comes back under its name within ``session_seconds`` finds its
    shards as it left them. Members hear of a join or a leave at their next heartbeat: every 75 ms that costs half a per
    cent of a processor. Raises ``ValueError`` when the session leaves no room for a lease.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Sequence[str],
        partitions: int,
        address: str,
        instance_id: str,
        group_id: str,
        session_seconds: float = 3.0,
        heartbeat_seconds: float = 0.075,
    ) -> None:
        if session_seconds - MARGIN_SECONDS <= heartbeat_seconds:
            raise ValueError("a lease would end before the next heartbeat: the session is too short")
        self.on_change: list[Callable[[Routing], None]] = []
        """Called one after the other in the event loop with each new ``Routing``. What they raise ends ``run``."""
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._address = address
        self._instance_id = instance_id
        self._group_id = group_id
        self._session_seconds = session_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._assignor = ShardAssignor(address, instance_id, partitions, lambda: self._routing)
        self._lease = Lease(session_seconds)
        self._routing = NOWHERE
        self._changed = asyncio.Event()
        self._leaving = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._member: GroupMember | None = None
        self._failures = 0

    @property
    def routing(self) -> Routing:
        """The last assignment. Only a new one takes anything away: no revoke does, nor that Kafka is away."""
        return self._routing

    @property
    def others(self) -> frozenset[str]:
        """Base URLs of the other instances that the last table names."""
        return frozenset(self._routing.owners.values()) - {self._address}

    @property
    def leaving(self) -> bool:
        """Whether this instance has been told to leave, or has left."""
        return self._leaving.is_set()

    @property
    def deserted(self) -> bool:
        """Whether this instance leaves, and there is no other that would go on."""
        return self.leaving and not self.others

    async def newer(self, than: int, seconds: float) -> Routing | None:
        """The routing once its generation is above ``than``; None when that takes longer than ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._routing.generation <= than:
                    await self._changed.wait()
                return self._routing
        return None

    def lease_valid(self) -> bool:
        """True while it is certain that no other instance has been given this one's shards; see ``Lease``."""
        return self._lease.valid() and not self._leaving.is_set()

    def lease_term(self) -> int:
        """The number of the assignment for which that is certain, 1 or more; 0 while it is not."""
        return self._lease.term() if self.lease_valid() else 0

    async def run(self) -> None:
        """Be a member until ``leave`` or cancelled. What goes wrong with Kafka is tried again, with back-off.

        When cancelled it ends as a crash does: the others wait for the session to run out.
        """
        self._running = asyncio.current_task()
        while not self._leaving.is_set():
            try:
                await self._belong()
            except InstanceIdTaken as error:
                logger.error("instance id in use twice", instance_id=self._instance_id, why=str(error))
                await self._pause(TAKEN_SECONDS)
            except (KafkaError, OSError) as error:
                self._failures += 1
                if self._failures == 1:
                    logger.warning("out of the group, trying again", instance_id=self._instance_id, why=repr(error))
                await self._pause(min(LONGEST_PAUSE_SECONDS, 0.1 * 2**self._failures) * random.uniform(0.5, 1.0))

    def hear(self, routing: Routing) -> None:
        """Take the table of another instance over, after this one has left; unless a newer one is known."""
        if routing.generation > self._routing.generation:
            self._take(routing)

    async def leave(self) -> None:
        """Leave the group for good, so that others get the shards at once; returns within about a second in any case.

        The last ``routing`` stays, without a lease, until ``hear``. ``run`` ends.
        """
        self._leaving.set()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=LEAVE_SECONDS + TICK_SECONDS)
            self._running.cancel()  # it may still be looking for a broker

    async def _belong(self) -> None:
        """Be a member with one client; returns when leaving. Raises what ended it: ``InstanceIdTaken``, ``KafkaError``,
        ``OSError`` (which the time-out of a client that is stuck is too), or what a callback raised."""
        client = AIOKafkaClient(
            bootstrap_servers=self._bootstrap_servers,
            client_id=f"stockroom-{self._instance_id}",
            # A JoinGroup may wait for others as long as a session before it is answered.
            request_timeout_ms=round(self._session_seconds * 1_000) + 2_000,
        )
        client.set_topics(self._topics)
        async with started(client.bootstrap, client.close):
            self._member = member = GroupMember(
                client,
                self._topics,
                self._assignor,
                self._lease,
                self._assigned,
                group_id=self._group_id,
                instance_id=self._instance_id,
                session_ms=round(self._session_seconds * 1_000),
                heartbeat_ms=round(self._heartbeat_seconds * 1_000),
            )
            leaving = asyncio.create_task(self._leaving.wait())
            try:
                await self._watch(member, leaving)
                await self._leave(member)
            finally:
                leaving.cancel()
                await member.abandon()

    async def _watch(self, member: GroupMember, leaving: "asyncio.Task[bool]") -> None:
        silent_ticks = 0.0
        while not leaving.done():
            ends: tuple[asyncio.Future[Any], ...] = (member.broken, leaving)
            await asyncio.wait(ends, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if member.broken.done():
                member.broken.result()
            silent_ticks = 0.0 if self._lease.valid() else silent_ticks + TICK_SECONDS
            if silent_ticks > SILENT_SESSIONS * self._session_seconds:
                raise TimeoutError(f"the group's coordinator has been silent for {silent_ticks} s")

    async def _leave(self, member: GroupMember) -> None:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await member.leave()
        except (KafkaError, OSError) as error:
            logger.warning("left without the coordinator's knowledge", instance_id=self._instance_id, why=repr(error))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()

    def _assigned(self, routing: Routing) -> None:
        """Take an assignment over. Called by aiokafka, which would swallow what a callback raises."""
        back, self._failures = self._failures > 0, 0
        member = self._member
        assert member is not None
        if any(routing.owner(shard) != self._address for shard in routing.mine):
            # The coordinator has kept the table from when this instance had another address: have it made again.
            member.request_rejoin()
        if routing != self._routing or back:
            logger.info("shards assigned", generation=routing.generation, shards=sorted(routing.mine), back=back)
        if routing != self._routing:
            self._take(routing)
            try:
                for callback in self.on_change:
                    callback(routing)
            except Exception as error:
                member.fail(error)

    def _take(self, routing: Routing) -> None:
        self._routing = routing
        self._changed.set()
        self._changed = asyncio.Event()
