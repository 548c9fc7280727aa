"""What memory lets go of at a bad moment is loaded again, and no command overtakes another because of it."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from command_api.intent import Intent, Pending
from command_api.snapshots.snapshot import Kept, Place
from command_api.writer.batch import BatchMaker
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory
from command_api.writer.parking import Parking
from command_api.writer.saver import Pace
from domain.stock_commands import ReceiveStock
from domain.stock_item import STOCK_ITEM
from event_schemas.holder import Holder
from tests.command_api.snapshots.owners import Partition
from tests.contract.memory_snapshots import MemorySnapshots
from tests.support.poll import until


class LetsGo(MemorySnapshots):
    """A store during whose next load a memory lets go of all that it may, as after a save that ends just then."""

    memory: Memory | None = None

    async def load(self, place: Place, subjects: Collection[str]) -> dict[str, Kept]:
        """See ``SnapshotStore.load``."""
        if self.memory is not None:
            self.memory.trim()
            self.memory = None
        return await super().load(place, subjects)


async def test_all_that_is_to_be_folded_is_in_memory_whatever_it_let_go_of_meanwhile() -> None:
    partition = Partition()
    async with partition.owner() as owner:
        await asyncio.gather(owner.receive("A1"), owner.receive("A2"))
    keys = KeyWindow(24, 100)
    memory = Memory(STOCK_ITEM, keys)
    store = LetsGo(partition.stored)
    keeper = Keepers(store, "memory", Pace(3600, 1_000_000), 0).keeper(
        "memory", 0, STOCK_ITEM, memory, keys, lambda: None
    )
    await keeper.begin(stay_if_away=False)
    first, second = (record for record in partition.shared.records if record.key in {b"A1", b"A2"})
    await keeper.prepare([first])
    store.memory = memory
    await keeper.prepare([first, second])
    assert not memory.cold("A1")
    assert not memory.cold("A2")


async def test_a_command_does_not_overtake_one_that_waits_for_an_aggregate_that_has_come_by_another_way() -> None:
    memory = Memory(STOCK_ITEM, KeyWindow(24, 100))

    async def never(subjects: Iterable[str]) -> None:
        await asyncio.Event().wait()

    def pending(key: str) -> Pending:
        intent = Intent(ReceiveStock(sku="A1", quantity=1), key, key, "user:test", key, key)
        return Pending(intent, asyncio.get_running_loop().create_future())

    parking = Parking(never, memory.cold, lambda pendings: None)
    batches = BatchMaker("stock", 0, STOCK_ITEM, memory, parking)
    earlier, later = pending("earlier"), pending("later")
    parking.park(earlier)
    assert batches.make(deque([later]), Holder(1, "me"), datetime.now(UTC)).decided == []
    assert parking.empty() == [earlier, later]


async def test_an_owner_without_commands_notices_that_its_snapshot_is_gone_and_with_it_later_deadlines() -> None:
    partition = Partition()
    async with partition.owner() as owner:
        await owner.receive("A1")
    async with partition.owner() as owner:
        await owner.writer.ready("A1")
        partition.stored.drop(("memory", 0))
        owner.writer.tick()

        async def read() -> int:
            return owner.log.read_records

        await until(read, lambda count: count >= len(partition.shared.records))
