"""The keeper of one partition's snapshot, on a store in memory."""

import asyncio
from typing import Any

from command_api.snapshots.snapshot import Mark, Place
from command_api.writer.aggregate import Versioned
from command_api.writer.keeper import Keeper
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory
from command_api.writer.saver import Pace, Turn
from domain.stock_item import STOCK_ITEM
from event_schemas.holder import Holder
from infra.log_batch import Position
from tests.contract.memory_snapshots import MemorySnapshots, SharedSnapshots


async def test_while_the_store_is_away_what_has_piled_up_is_not_dumped_at_every_try() -> None:
    dumps, shared = 0, SharedSnapshots()

    def dump(state: Any) -> Any:
        nonlocal dumps
        dumps += 1
        return STOCK_ITEM.dump(state)

    decider, keys = STOCK_ITEM._replace(dump=dump), KeyWindow(24, 100)
    memory = Memory(decider, keys)
    place = Place("memory", "stock", 0, "1")
    keeper = Keeper(MemorySnapshots(shared), place, decider, memory, keys, Pace(0.0, 1_000), Turn(), lambda: None)
    await keeper.begin(stay_if_away=False)
    for number in range(10):
        memory.put(f"A{number}", Versioned(1, STOCK_ITEM.initial))
    shared.away = True
    for _ in range(5):
        keeper.saver.offer(Mark(Position(10, Holder(1, "w")), "id"))
        await keeper.saver.settled()
    assert (dumps, keeper.saver.trouble) == (10, "it is away")
    shared.away = False
    keeper.saver.offer(Mark(Position(10, Holder(1, "w")), "id"))
    await keeper.saver.settled()
    assert (dumps, keeper.saver.trouble, len(shared.rows["stock", 0])) == (20, "", 10)


async def test_a_log_is_not_read_further_while_more_has_changed_than_is_due_and_another_partition_saves() -> None:
    turn, shared, keys = Turn(), SharedSnapshots(), KeyWindow(24, 100)
    memory = Memory(STOCK_ITEM, keys)
    place = Place("memory", "stock", 0, "1")
    keeper = Keeper(MemorySnapshots(shared), place, STOCK_ITEM, memory, keys, Pace(3600, 10), turn, lambda: None)
    await keeper.begin(stay_if_away=False)
    turn.free.clear()  # another partition saves
    for number in range(10):
        memory.put(f"A{number}", Versioned(1, STOCK_ITEM.initial))
    await keeper.saver.reached(Mark(Position(10, Holder(1, "w")), "id10"))
    memory.put("A10", Versioned(1, STOCK_ITEM.initial))
    reading = asyncio.create_task(keeper.saver.reached(Mark(Position(11, Holder(1, "w")), "id11")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not reading.done()
    turn.free.set()
    await asyncio.wait_for(reading, 20)
    assert memory.changes == 0
    await keeper.saver.settled()
    assert len(shared.rows["stock", 0]) == 11
