"""Owners of one partition of stock, one after the other, on one log and one store of snapshots in memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from command_api.intent import Answer, Intent
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.partition_writer import PartitionWriter
from domain.decider import Command
from domain.stock_commands import ReceiveStock
from domain.stock_item import STOCK_ITEM
from event_schemas.record import LogRecord
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.memory_snapshots import SharedSnapshots, snapshots_of
from tests.support.poll import until


class CountedLog(MemoryLog):
    """A log that counts what is read of it."""

    read_records = 0

    async def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        """See ``Log.read``."""
        async for records in super().read(start):
            self.read_records += len(records)
            yield records


class Owner:
    """One writer of the partition."""

    def __init__(self, shared: SharedLog, snapshots: Keepers) -> None:
        self.log = CountedLog(shared)
        self.keys = KeyWindow(24, 10_000)
        self.writer = PartitionWriter(self.log, STOCK_ITEM, self.keys, snapshots)
        self.writer.limit_cache(snapshots.most_cached)
        self.task = asyncio.create_task(self.writer.run())

    async def do(self, command: Command, key: str, version: int | None = None, fingerprint: str = "f") -> Answer:
        """Carry a command out."""
        intent = Intent(command, key, fingerprint, "staff:test", key, key, expected_version=version)
        return await asyncio.wait_for(self.writer.submit(intent), 20)

    async def receive(self, sku: str, quantity: int = 1, key: str | None = None) -> Answer:
        """Receive stock under a key, the SKU's name when none is given."""
        return await self.do(ReceiveStock(sku=sku, quantity=quantity), key or sku)

    async def stop(self) -> None:
        """A proper leave: what has changed is saved."""
        if not self.task.cancelled():
            self.writer.stop()
            await asyncio.wait_for(self.task, 20)

    async def kill(self) -> None:
        """End without a word."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Partition:
    """The log, the store, and who owns the partition."""

    def __init__(self) -> None:
        self.shared = SharedLog()
        self.stored = SharedSnapshots()

    @asynccontextmanager
    async def owner(self, **options: float) -> AsyncIterator[Owner]:
        """An owner, stopped properly at the end of the block unless it has ended before."""
        made = Owner(self.shared, snapshots_of(self.stored, **options))  # type: ignore[arg-type]
        try:
            yield made
        finally:
            await made.stop()

    async def saved(self, owner: Owner, count: int) -> None:
        """Wait until the store has taken so many snapshots."""

        async def saves() -> int:
            owner.writer.tick()
            return self.stored.saves

        await until(saves, lambda found: found >= count)
