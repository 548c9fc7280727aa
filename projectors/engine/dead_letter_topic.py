"""Copies parked records to `<topic>.dlq` with their headers and the error, at least once, for people and tools.

The truth is the parked row in the projection's store; a copy that is lost or comes twice changes nothing.
"""

import asyncio

import structlog

from infra.dead_letters import DeadLetter, append
from projectors.back_off import until_there
from projectors.engine.status import Status
from projectors.stores.store import Parked, Store

log = structlog.get_logger()

EVERY_SECONDS = 1.0
AT_ONCE = 500


class DeadLetters:
    """The sweep of one projection. ``run`` goes on until it is cancelled."""

    def __init__(self, bootstrap_servers: str, status: Status, store: Store) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._projection = status.projection
        self._status = status
        self._store = store
        self._topic = f"{status.projection.topic}.dlq"

    async def run(self) -> None:
        """Copy what is parked; servers that are away are waited for."""
        while True:
            if self._status.parked.keys:
                await until_there(f"{self._projection.name}: dead letters", self.sweep)
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> int:
        """Copy all that is not copied yet of the partitions that this worker fills; gives the number of records."""
        done = 0
        while records := await self._store.uncopied(AT_ONCE, self._status.standings):
            await append(self._bootstrap_servers, [self._letter(record) for record in records])
            await self._store.mark_copied(records)
            done += len(records)
            log.warning(
                "parked records copied", projection=self._projection.name, topic=self._topic, records=len(records)
            )
        return done

    def _letter(self, parked: Parked) -> DeadLetter:
        return DeadLetter(
            self._projection.topic,
            parked.record.partition,
            parked.record.offset,
            parked.record.key,
            parked.record.value,
            parked.record.headers,
            self._projection.name,
            f"{parked.code}: {parked.error}",
        )
