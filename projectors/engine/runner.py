"""Runs one projection: reads its share of the topic, commits batch by batch, waits while a server is away, stops with
an alarm when the log or the store is not what it was. It begins at the store's positions, whatever Kafka has committed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from infra.log_batch import Batch, LogBroken
from infra.log_reader import LogReader
from infra.reason import reason
from projectors.back_off import AWAY, until_there
from projectors.engine.status import State, Status
from projectors.engine.watchdog import STUCK_SECONDS, Watchdog
from projectors.engine.workers import GONE, TablesGone, Workers
from projectors.log_ends import LogEnds
from projectors.projection import Projection
from projectors.stillness import Stuck
from projectors.stores.store import (
    GenerationMoved,
    Loaded,
    NotCommitted,
    Outcome,
    RebuildNeeded,
    Store,
    StoreDamaged,
    SwitchUnderWay,
)

log = structlog.get_logger()

T = TypeVar("T")

REBUILD_CHECK_SECONDS = 2.0
SWITCH_SECONDS = 0.1
AGAIN_SECONDS = 0.5
COMPARE_SECONDS = 2.0
MAX_RECORDS = 2_000
READ_MS = 500
APART_SECONDS = 0.02
"""Of two commits under load; an event after a pause is committed at once."""


class Runner:
    """One projection's loop over one store. ``run`` ends only when the log is broken or it is cancelled."""

    def __init__(
        self, bootstrap_servers: str, projection: Projection, store: Store, ends: LogEnds, workers: Workers
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = projection.topic
        self._store = store
        self._ends = ends
        self._workers = workers
        self._partitions: list[int] = []
        self._share: frozenset[int] = frozenset()
        self._watchdog = Watchdog(projection.topic)
        self._compared = time.monotonic()
        self._log = log.bind(projection=projection.name)
        self.status = Status(projection)

    async def run(self) -> None:
        """Read and apply. A truncated log, a skipped offset or a damaged store stops this projection alone; the last
        until a rebuild has switched to a generation that is sound. Raises ``TablesGone`` when the projection's row is.
        """
        while True:
            try:
                await self._session()
            except LogBroken as error:
                self._stopped(error)
                return
            except StoreDamaged as error:
                self._stopped(error)
                await asyncio.sleep(REBUILD_CHECK_SECONDS)
            except RebuildNeeded as error:
                if self.status.state is not State.REBUILD_NEEDED:
                    self._log.error("projection needs a rebuild", error=str(error))
                self.status.failed(State.REBUILD_NEEDED, error)
                await asyncio.sleep(REBUILD_CHECK_SECONDS)
            except Stuck as error:
                self.status.failed(State.WAITING, error)
                self._log.warning("consumer is made anew", error=str(error))
            except AWAY as error:
                self.status.failed(State.WAITING, error)
                self._log.warning("reading failed, consumer is made anew", error=reason(error))
                await asyncio.sleep(AGAIN_SECONDS)

    def _stopped(self, error: LogBroken | StoreDamaged) -> None:
        if self.status.state is not State.STOPPED:
            self._log.critical("projection stopped", alarm=error.code, error=str(error))
        self.status.failed(State.STOPPED, error)

    async def _session(self) -> None:
        """Until the share changes."""
        self._partitions = await self._ends.partitions(self._topic)
        await self._there("prepare", lambda: self._store.prepare(self._partitions))
        await self._workers.known()
        self._share = self._advised()
        await self._load()
        self.status.state = State.RUNNING
        if not self._share:
            while self._advised() == self._share:
                await self._workers.looked()
            return
        reader = await self._there("reader", self._reader)
        try:
            self._watchdog.begin()
            while self._advised() == self._share:
                asked_at = time.monotonic()
                async with asyncio.timeout(STUCK_SECONDS):
                    batches = await reader.read(max_records=MAX_RECORDS, timeout_ms=READ_MS)
                seconds = time.monotonic() - asked_at
                if batches:
                    await self._apply(reader, batches)
                self._watchdog.asked(seconds, self.status.standings, self._ends.of(self._topic))
                if not batches:
                    await self._compare(reader)
        except TimeoutError as error:
            raise Stuck(f"{self._topic}: the consumer does not answer") from error
        finally:
            await reader.__aexit__()

    def _advised(self) -> frozenset[int]:
        return self._workers.share(self.status.projection, self._partitions)

    async def _reader(self) -> LogReader:
        places = {(self._topic, number): one.position for number, one in self.status.standings.items()}
        return await LogReader(
            self._bootstrap_servers, places, apart_seconds=APART_SECONDS, fetch_max_wait_ms=READ_MS
        ).__aenter__()

    async def _load(self) -> bool:
        loaded = await self._there("load", self._own)
        self._compared = time.monotonic()
        if loaded == (self.status.generation, self.status.standings, self.status.parked):
            return False
        self.status.loaded(loaded)
        next_offsets = {number: one.position.next_offset for number, one in loaded.standings.items()}
        self._log.info("positions loaded", generation=loaded.generation, next_offsets=next_offsets)
        return True

    async def _own(self) -> Loaded:
        try:
            loaded = await self._store.load(self._partitions)
        except GenerationMoved as error:
            raise TablesGone(GONE) from error  # another worker has made the tables anew, without this row
        return loaded._replace(standings={one: loaded.standings[one] for one in sorted(self._share)})

    async def _compare(self, reader: LogReader) -> None:
        """While nothing comes: a switch, another worker or a Redis that lost its data shows without a new event."""
        if time.monotonic() - self._compared > COMPARE_SECONDS and await self._load():
            self._go_on(reader, [])

    async def _apply(self, reader: LogReader, batches: list[Batch]) -> None:
        while batches:
            self.status.reading(batches)
            try:
                outcome = await self._commit(batches)
            except NotCommitted as error:
                self._log.warning("not committed, going on from the store's positions", reason=str(error))
                await self._load()
                batches = self._go_on(reader, batches)
                continue
            self.status.committed(batches, outcome)
            for one in outcome.parked:
                self._log.error("record parked", key=one.key, place=one.place, code=one.code, error=one.error)
            break

    def _go_on(self, reader: LogReader, batches: list[Batch]) -> list[Batch]:
        """The batches that follow the loaded positions, to be committed again; what was read elsewhere is dropped."""
        standings, read = self.status.standings, reader.positions
        follow = [batch for batch in batches if batch.before == standings[batch.partition].position]
        for number in standings.keys() - {batch.partition for batch in follow}:
            if read[self._topic, number] != standings[number].position:
                reader.seek(self._topic, number, standings[number].position)
        return follow

    async def _commit(self, batches: list[Batch]) -> Outcome:
        while True:
            try:
                return await self._there("commit", lambda: self._store.commit(batches, self.status.parked))
            except SwitchUnderWay:
                await asyncio.sleep(SWITCH_SECONDS)

    async def _there(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        def waiting(error: BaseException) -> None:
            self.status.failed(State.WAITING, error)

        result = await until_there(f"{self.status.projection.name}: {what}", call, waiting)
        if self.status.state is State.WAITING:
            self.status.state = State.RUNNING
        return result
