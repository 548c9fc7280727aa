"""All writers of an instance, on logs in memory."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime

import pytest

from command_api.fence.log import LogAway
from command_api.intent import Answer, Intent
from command_api.refusals import InProgress, Overloaded
from command_api.snapshots.snapshot import Base, Place
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.saver import Pace
from command_api.writer.writers import Writers
from domain.stock_commands import ReceiveStock
from domain.stock_item import STOCK_ITEM
from event_schemas.record import LogRecord
from infra.http.problems import Unavailable
from infra.log_batch import LogTruncated
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.memory_snapshots import MemorySnapshots, SharedSnapshots, snapshots_of


class FailingLog(MemoryLog):
    """A log whose reads fail from the moment that a test says so."""

    failure: Exception | None = None

    async def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        if self.failure is not None:
            raise self.failure
        async for records in super().read(start):
            yield records


@pytest.mark.parametrize(
    ("failure", "code"), [(LogAway("away"), "dependency_unavailable"), (LogTruncated("short"), "log_truncated")]
)
async def test_a_repeat_whose_events_cannot_be_read_back_is_told_why(failure: Exception, code: str) -> None:
    log = FailingLog(SharedLog())
    log.topic = STOCK_ITEM.topic
    writers = Writers([STOCK_ITEM], 1, lambda topic, partition: log, KeyWindow(24, 1000), 100, 1.0, snapshots_of())
    writers.hold([0])
    running = asyncio.create_task(writers.run())
    intent = Intent(ReceiveStock(sku="A", quantity=1), "k1", "f", "staff:test", "k1", "k1")
    first: Answer = await asyncio.wait_for(writers.submit(intent), 20)
    again = await writers.submit(intent)
    assert (again.replayed, await writers.events_of(again)) == (True, first.events)
    log.failure = failure
    with pytest.raises(Unavailable) as told:
        await writers.events_of(again)
    assert (told.value.status, told.value.code) == (503, code)
    writers.stop()
    await asyncio.wait_for(running, 20)


async def test_a_repeat_of_a_command_under_way_is_told_when_to_ask_again() -> None:
    log = MemoryLog(SharedLog())
    log.topic = STOCK_ITEM.topic
    writers = Writers([STOCK_ITEM], 1, lambda topic, partition: log, KeyWindow(24, 1000), 100, 1.0, snapshots_of())
    writers.hold([0])
    intent = Intent(ReceiveStock(sku="A", quantity=1), "k1", "f", "staff:test", "k1", "k1")
    first = writers.submit(intent)
    with pytest.raises(InProgress) as told:
        writers.submit(intent)
    assert (told.value.status, told.value.headers) == (409, {"Retry-After": "1"})
    running = asyncio.create_task(writers.run())
    assert (await asyncio.wait_for(first, 20)).version == 1
    assert (await writers.submit(intent)).replayed
    writers.stop()
    await asyncio.wait_for(running, 20)


async def test_a_command_that_would_wait_long_is_refused_at_once_and_told_how_long() -> None:
    opened = asyncio.Event()
    opened.set()

    async def turn() -> None:
        await opened.wait()

    log = MemoryLog(SharedLog(), turn)
    log.topic = STOCK_ITEM.topic
    writers = Writers([STOCK_ITEM], 1, lambda topic, partition: log, KeyWindow(24, 1000), 1000, 0.1, snapshots_of())
    writers.hold([0])
    running = asyncio.create_task(writers.run())

    def receive(key: str) -> "asyncio.Future[Answer]":
        return writers.submit(Intent(ReceiveStock(sku="A", quantity=1), key, "f", "staff:test", key, key))

    await asyncio.wait_for(receive("first"), 20)
    opened.clear()
    slow = receive("slow")
    await asyncio.sleep(0.5)
    opened.set()
    await asyncio.wait_for(slow, 20)

    opened.clear()
    under_way = receive("under way")
    await asyncio.sleep(0.01)
    writers.admit(STOCK_ITEM.topic, "A")
    taken = receive("nobody is before it in the queue")
    with pytest.raises(Overloaded) as refused:
        writers.admit(STOCK_ITEM.topic, "A")
    with pytest.raises(Overloaded):
        writers.admit_many()
    assert (refused.value.status, refused.value.code, refused.value.headers["Retry-After"]) == (503, "overloaded", "1")
    opened.set()
    assert [(await asyncio.wait_for(each, 20)).version for each in (under_way, taken)] == [3, 4]
    for number in range(50):
        await asyncio.wait_for(receive(f"later {number}"), 20)
    writers.admit_many()
    several = [receive(f"again {number}") for number in range(10)]
    assert (await asyncio.gather(*several))[-1].version == 64
    writers.stop()
    await asyncio.wait_for(running, 20)


class SlowAtFirst(MemorySnapshots):
    """A store that answers the first who begins only once it is let go."""

    def __init__(self) -> None:
        super().__init__(SharedSnapshots())
        self.asked = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def begin(self, place: Place, *, keys_since_ms: int, most_keys: int) -> Base | None:
        if not self.asked.is_set():
            self.asked.set()
            await self.goes_on.wait()
        return await super().begin(place, keys_since_ms=keys_since_ms, most_keys=most_keys)


class LeftLog(MemoryLog):
    """A log that says when its writer has left it."""

    def __init__(self, shared: SharedLog) -> None:
        super().__init__(shared)
        self.left = asyncio.Event()

    async def close(self) -> None:
        self.left.set()


async def test_a_shard_that_comes_back_at_once_forgets_nothing_when_its_first_take_over_ends_late() -> None:
    shared, store, logs = SharedLog(STOCK_ITEM.topic), SlowAtFirst(), list[LeftLog]()

    def open_log(topic: str, partition: int) -> MemoryLog:
        logs.append(LeftLog(shared))
        return logs[-1]

    snapshots = Keepers(store, "memory", Pace(3600, 1_000_000), 1000)
    writers = Writers([STOCK_ITEM], 1, open_log, KeyWindow(24, 1000), 100, 1.0, snapshots)
    running = asyncio.create_task(writers.run())
    writers.hold([0])
    await store.asked.wait()
    writers.hold([])
    writers.hold([0])

    def receive(key: str) -> "asyncio.Future[Answer]":
        return writers.submit(Intent(ReceiveStock(sku="A", quantity=1), key, "f", "staff:test", key, key))

    received = [receive(f"k{number}") for number in range(30)]
    for _ in range(200):
        await asyncio.sleep(0)
    store.goes_on.set()
    assert [(await asyncio.wait_for(each, 20)).version for each in received] == list(range(1, 31))
    await asyncio.wait_for(logs[0].left.wait(), 20)
    again = await asyncio.wait_for(receive("k29"), 20)
    assert (again.replayed, again.version) == (True, 30)
    writers.stop()
    await asyncio.wait_for(running, 20)


async def test_what_fails_between_commands_ends_the_writers_and_is_not_lost() -> None:
    log = MemoryLog(SharedLog(STOCK_ITEM.topic))

    def clock() -> datetime:
        raise RuntimeError("the clock is broken")

    writers = Writers(
        [STOCK_ITEM], 1, lambda topic, partition: log, KeyWindow(24, 1000), 100, 1.0, snapshots_of(), clock=clock
    )
    writers.hold([0])
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(writers.run(), 20)
