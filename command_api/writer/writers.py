"""All writers of this instance: which partition decides a command, and what is refused before it gets there.

The group of instances says which shards this one should hold; each has a writer per topic, as long as it is so.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakSet

from command_api.fence.log import Log, LogAway
from command_api.fence.log_stream import LogStream
from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent
from command_api.refusals import InProgress, LogStopped, Overloaded
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.partition_writer import PartitionWriter, utc_now
from domain.decider import Decider
from event_schemas.event import Event
from event_schemas.record import recorded
from infra.http.problems import DependencyUnavailable
from infra.log_batch import LogBroken
from infra.partition_of import partition_of

TICK_SECONDS = 0.25
"""How often commands that wait too long are refused, deadlines looked at and snapshots taken."""


class Writers:
    """The writers of the shards that this instance should hold; ``hold`` says which, at first none.

    Commands are refused as overload above ``most_queued`` under way; ``admit`` refuses them above ``most_seconds`` of
    expected wait.
    ``lease`` and ``clock`` are those of ``PartitionWriter``.
    """

    def __init__(
        self,
        deciders: Sequence[Decider[Any]],
        partitions: int,
        open_log: Callable[[str, int], Log],
        keys: KeyWindow,
        most_queued: int,
        most_seconds: float,
        keepers: Keepers,
        lease: Callable[[], int] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.partitions = partitions
        self._deciders = deciders
        self._open_log = open_log
        self._lease = lease
        self._clock = clock
        self._keys = keys
        self._keepers = keepers
        self._most_queued = most_queued
        self._most_seconds = most_seconds
        self._in_flight: set[str] = set()
        self._writers: dict[tuple[str, int], PartitionWriter] = {}
        self._begun: WeakSet[PartitionWriter] = WeakSet()
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}
        """The last task of each partition, also when it has ended."""
        self._changed = asyncio.Event()
        self._stopping = False

    def hold(self, shards: Collection[int]) -> None:
        """Hold these shards from now on: begin to claim those that are new, leave those that are not named."""
        left = [place for place in self._writers if place[1] not in shards]
        for place in left:
            self._writers.pop(place).release()
        self._keys.drop(left)
        for decider in self._deciders:
            for shard in sorted(shards):
                if (decider.topic, shard) not in self._writers:
                    log = self._open_log(decider.topic, shard)
                    writer = PartitionWriter(log, decider, self._keys, self._keepers, self._lease, self._clock)
                    self._writers[decider.topic, shard] = writer
        for writer in self._writers.values():
            writer.limit_cache(self._keepers.most_cached // len(self._writers))
        self._changed.set()

    @property
    def troubles(self) -> list[str]:
        """Partitions that need a person."""
        return [writer.trouble for writer in self._writers.values() if writer.trouble]

    @property
    def waiting_for(self) -> list[str]:
        """Partitions that are not held at the moment, and are being claimed."""
        return [writer.name for writer in self._writers.values() if writer.claiming]

    def of(self, topic: str, aggregate_id: str) -> PartitionWriter:
        """The writer that decides on an aggregate. Raises ``HeldElsewhere``, also when this instance is stopping."""
        shard = partition_of(aggregate_id, self.partitions)
        writer = self._writers.get((topic, shard))
        if writer is None or self._stopping:
            raise HeldElsewhere(shard)
        return writer

    async def ready(self, topic: str, aggregate_id: str) -> None:
        """Wait while the partition of an aggregate is being claimed, at most as long as a command is held, and until
        the aggregate is in memory: what was done before is known only then. Raises ``HeldElsewhere``,
        ``DependencyUnavailable`` or ``NotReady``."""
        await self.of(topic, aggregate_id).ready(aggregate_id)

    def positions(self, topic: str) -> dict[int, int]:
        """The next offset of each partition of a topic, as far as it is acknowledged or folded here."""
        return {p: writer.next_offset for (t, p), writer in self._writers.items() if t == topic}

    def recall(self, topic: str, subject: str, command_id: str, fingerprint: str) -> Answer | None:
        """The first answer to a command on ``subject`` that was carried out already. Raises ``KeyReused``."""
        return self.of(topic, subject).recall(subject, command_id, fingerprint)

    def admit(self, topic: str, aggregate_id: str) -> None:
        """Refuse a command on an aggregate that would wait too long. Raises ``Overloaded`` or ``HeldElsewhere``."""
        self._admit(self.of(topic, aggregate_id))

    def admit_many(self) -> None:
        """Refuse commands on many aggregates, together so that their order stays. Raises ``Overloaded``."""
        for writer in self._writers.values():
            self._admit(writer)

    def _admit(self, writer: PartitionWriter) -> None:
        if (wait := writer.expected_wait) > self._most_seconds:
            raise Overloaded(f"It would wait {wait:.1f} s for {writer.name}.", retry_after=wait)

    def submit(self, intent: Intent) -> "asyncio.Future[Answer]":
        """Have a command carried out, once. The future gives its answer, or raises a ``Problem``.

        Raises ``KeyReused``, ``InProgress``, ``Overloaded``, ``LogStopped`` or ``HeldElsewhere`` at once.
        """
        writer = self.of(intent.command.topic, intent.command.aggregate_id)
        recalled = writer.recall(intent.command.aggregate_id, intent.command_id, intent.fingerprint)
        if recalled is not None:
            answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            answered.set_result(recalled)
            return answered
        if intent.command_id in self._in_flight:
            raise InProgress("A request with this Idempotency-Key is being carried out; ask again in a moment.")
        if len(self._in_flight) >= self._most_queued:
            raise Overloaded(f"{self._most_queued} commands are waiting.")
        future = writer.submit(intent)
        self._in_flight.add(intent.command_id)
        future.add_done_callback(lambda _: self._in_flight.discard(intent.command_id))
        return future

    async def events_of(self, answer: Answer) -> tuple[Event, ...]:
        """A replayed answer's events, read back from the log. Raises ``DependencyUnavailable`` or ``LogStopped``."""
        writer = self._writers.get((answer.topic, answer.partition))
        if writer is None:
            raise HeldElsewhere(answer.partition)
        events: list[Event] = []
        try:
            async with contextlib.aclosing(LogStream(writer.log, answer.first_offset)) as stream:
                async for records in stream.up_to(answer.offset + 1):
                    events += (recorded(record).event for record in records)
        except LogAway as away:
            raise DependencyUnavailable("This was done before; Kafka, which has the answer, does not answer.") from away
        except LogBroken as broken:
            raise LogStopped(str(broken), code=broken.code) from broken
        return tuple(events)

    async def run(self) -> None:
        """Claim and serve what is to be held, until ``stop``."""
        async with asyncio.TaskGroup() as whole:
            ticking = whole.create_task(self._tick())
            async with asyncio.TaskGroup() as group:
                while not self._stopping:
                    self._changed.clear()
                    for place, writer in self._writers.items():
                        if writer not in self._begun:
                            self._begun.add(writer)
                            running = _after(self._running.get(place), writer)
                            self._running[place] = group.create_task(running, name=writer.name)
                    await self._changed.wait()
            ticking.cancel()

    def stop(self) -> None:
        """Let ``run`` end, after what is queued."""
        self._stopping = True
        for writer in self._writers.values():
            writer.stop()
        self._changed.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for writer in list(self._writers.values()):
                writer.expire()
                writer.tick()


async def _after(before: "asyncio.Task[None] | None", writer: PartitionWriter) -> None:
    """Run a writer once that before it on the same partition has ended: what both remember of commands and know of the
    snapshot is one, and the late end of a take-over or of a save would undo what the newer one knows."""
    if before is not None:
        await asyncio.wait({before})
    await writer.run()
