"""Runs one policy on one topic: reads, reacts, has the commands carried out, and only then stores how far it is.

So each event is reacted to at least once, and the deciders make what is repeated a no-op.
"""

import time
from collections.abc import Mapping, Sequence

import structlog

from infra.cluster import TopicsMissing, describe
from infra.log_batch import Batch, LogBroken, Position
from infra.log_reader import LogReader
from policies.answers import Refusal
from policies.bulk_line import bulk_line
from policies.command_client import CommandClient
from policies.dead_letters.copies import DeadLetters
from policies.patience import StillAway, patiently
from policies.policy import Policy
from policies.position_store import Move, PositionMoved, PositionStore
from policies.sorting import Parked, Sorter
from policies.standing import Standing

MOST_RECORDS = 4_000
APART_SECONDS = 0.02
"""Of two readings under load; what comes after a pause is read at once."""
STUCK_SECONDS = 6.0
"""A reader that got nothing for so long, though there is more to read, is replaced."""
REQUEST_MS = 10_000
FETCH_BYTES = 1024 * 1024
"""Of one partition in one answer of the broker: larger ones hold the event loop, and so the other policies, up."""

logger = structlog.get_logger(__name__)


class Runner:
    """One policy on one topic. ``run`` lasts until ``stop`` is called."""

    def __init__(
        self,
        policy: Policy,
        topic: str,
        *,
        bootstrap_servers: str,
        store: PositionStore,
        commands: CommandClient,
        dead_letters: DeadLetters,
    ) -> None:
        self.standing = Standing(policy.name, topic)
        self._policy = policy
        self._topic = topic
        self._bootstrap_servers = bootstrap_servers
        self._store = store
        self._commands = commands
        self._dead_letters = dead_letters
        self._sorter = Sorter(policy, ())
        self._unparked: Mapping[int, int] = {}
        self._stopping = False

    def stop(self) -> None:
        """Finish what was read, then return from ``run``."""
        self._stopping = True

    async def run(self) -> None:
        """React until ``stop``. What is away only delays it; a log that is broken stops it where it is, and is told."""
        while not self._stopping:
            await patiently(self.standing, "Kafka", self._read_on)

    async def _read_on(self) -> None:
        try:
            partitions = range((await describe(self._bootstrap_servers, [self._topic])).partitions)
        except TopicsMissing as missing:
            raise StillAway(str(missing)) from missing
        positions = await self._load(partitions)
        start = {(self._topic, partition): position for partition, position in positions.items()}
        async with LogReader(
            self._bootstrap_servers,
            start,
            apart_seconds=APART_SECONDS,
            request_timeout_ms=REQUEST_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        ) as reader:
            self.standing.running = True
            self.standing.going_on()
            last_progress = time.monotonic()
            while not self._stopping:
                try:
                    batches = await reader.read(max_records=MOST_RECORDS)
                except LogBroken as error:
                    logger.error(
                        "the log is not what was read before", topic=self._topic, code=error.code, why=str(error)
                    )
                    raise StillAway(f"{error.code}: {error}") from error
                if batches:
                    await self._pass(batches, reader)
                    last_progress = time.monotonic()
                elif time.monotonic() - last_progress > STUCK_SECONDS:
                    await self._prove_alive(reader)
                    last_progress = time.monotonic()

    async def _load(self, partitions: Sequence[int]) -> dict[int, Position]:
        loaded = await patiently(
            self.standing, "PostgreSQL", lambda: self._store.load(self._policy.name, self._topic, partitions)
        )
        self._sorter, self._unparked = Sorter(self._policy, loaded.parked_keys), loaded.unparked
        self.standing.positions = dict(loaded.positions)
        self.standing.parked, self.standing.hanging = loaded.parked, loaded.hanging
        return self.standing.positions

    async def _prove_alive(self, reader: LogReader) -> None:
        """Nothing came for a while: either there is nothing, or Kafka is away, or the reader is stuck."""
        positions = reader.positions
        ends = await reader.ends()
        self.standing.going_on()
        fetched = await reader.read(max_records=MOST_RECORDS)
        if fetched:
            await self._pass(fetched, reader)
        elif any(positions[key].next_offset < end for key, end in ends.items()):
            raise StillAway("the reader is stuck and is replaced")

    async def _pass(self, batches: Sequence[Batch], reader: LogReader) -> None:
        """Carry out what follows from what was read, then store that it is done."""
        intents, parked = self._sorter.sort(record for batch in batches for record in batch.records)
        lines = [bulk_line(self._policy.name, intent) for intent in intents]
        refusals = await self._commands.carry_out(lines, self.standing)
        moves = [Move(one.partition, one.before, one.after, self._unparked[one.partition]) for one in batches]
        try:
            await patiently(
                self.standing,
                "PostgreSQL",
                lambda: self._store.commit(self._policy.name, self._topic, moves, parked, refusals),
            )
        except PositionMoved as moved:
            logger.info("going on from the stored positions", policy=self._policy.name, why=str(moved))
            for partition, position in (await self._load(list(self.standing.positions))).items():
                reader.seek(self._topic, partition, position)
            return
        self._tell(batches, parked, refusals)

    def _tell(self, batches: Sequence[Batch], parked: Sequence[Parked], refusals: Sequence[Refusal]) -> None:
        for batch in batches:
            self.standing.positions[batch.partition] = batch.after
            self.standing.void += batch.void
        for refusal in refusals:
            self.standing.hanging[refusal.code] += 1
            logger.error(
                "a command of a policy was refused, its story hangs",
                policy=self._policy.name,
                command=refusal.line.command_type,
                aggregate_id=refusal.line.aggregate_id,
                code=refusal.code,
                detail=refusal.detail,
                key=refusal.line.key,
            )
        for each in parked:
            logger.error("parked", policy=self._policy.name, record=each.place, code=each.code, error=each.error)
        if parked:
            self.standing.parked += len(parked)
            self._dead_letters.wake.set()
