"""The protocol under random interleavings: three writers contend for one partition through the project's own ``Fence``.

Any of them may pause at any point; requests get lost and land later, answers get lost. A seed replays a run. Planted
bugs must be caught, or the checks would prove nothing.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from command_api.fence.fence import Deposed, Fence, Trespass, control
from command_api.fence.log import OutcomeUnknown, Outgoing
from command_api.fence.log_stream import LogStream
from command_api.snapshots.snapshot import Mark
from event_schemas.holder import CLAIMED, NOBODY, Holder, Verdict, judge
from event_schemas.record import LogRecord
from infra.log_batch import LogBroken, Position
from tests.contract.memory_log import MemoryLog, SharedLog

RUNS = 150
STEPS = 300
WRITERS = 3


class Violation(AssertionError):
    """The protocol broke one of its promises."""


class Schedule:
    """Runs one writer at a time, from one ``turn`` to its next; which one is drawn, and often the same again."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._current = ""

    async def turn(self) -> None:
        """Wait for the caller's next turn."""
        task = asyncio.current_task()
        assert task is not None
        future = self._waiting[task.get_name()] = asyncio.get_running_loop().create_future()
        await future

    async def step(self) -> None:
        """Let one of the waiting writers run until it waits again."""
        while len(self._waiting) < WRITERS:  # noqa: ASYNC110 (the loop itself is what is scheduled here)
            await asyncio.sleep(0)
        if self._current not in self._waiting or self._rng.random() < 0.15:
            self._current = self._rng.choice(sorted(self._waiting))
        self._waiting.pop(self._current).set_result(None)
        while self._current not in self._waiting:  # noqa: ASYNC110
            await asyncio.sleep(0)


def history(records: list[LogRecord], holder: Holder = NOBODY) -> tuple[Holder, list[str]]:
    """What counts of the records, and who holds after them."""
    counted = []
    for record in records:
        holder, verdict = judge(holder, record.headers)
        if verdict is Verdict.COUNTS:
            counted.append((record.value or b"").decode())
    return holder, counted


async def write(fence: Fence, memory: list[str], acknowledged: list[str], rng: random.Random) -> None:
    """One writer: claim, append batches that continue what it knows, claim again after every loss."""
    while True:
        try:
            await fence.claim()
            while rng.random() > 0.02:
                first = len(memory) + 1
                values = [f"{first + number} {fence.holder.writer}" for number in range(rng.randint(1, 3))]
                await fence.append([event(fence.holder, value) for value in values])
                memory.extend(values)
                acknowledged.extend(values)
        except Trespass as trespass:
            raise Violation(str(trespass)) from trespass
        except (Deposed, OutcomeUnknown):
            continue


def event(holder: Holder, value: str) -> Outgoing:
    headers = [("ce_type", b"test.v1"), ("ce_writer", holder.writer.encode()), ("ce_epoch", b"%d" % holder.epoch)]
    return Outgoing(b"key", value.encode(), headers)


async def run(seed: int, make: Callable[..., Fence] = Fence, holder_in_the_middle: bool = True) -> tuple[int, int]:
    """One run; gives the number of records and of acknowledged events. Raises ``Violation``."""
    rng = random.Random(seed)
    shared, schedule = SharedLog(), Schedule(rng)
    acknowledged: list[str] = []

    def loses() -> str:
        return rng.choices(["nothing", "request", "answer"], [0.9, 0.06, 0.04])[0]

    tasks = []
    for number in range(WRITERS):
        memory: list[str] = []
        log = MemoryLog(shared, schedule.turn, loses)

        def fold(record: LogRecord, memory: list[str] = memory) -> None:
            memory.append((record.value or b"").decode())

        name = f"w{number}"
        ids = (f"{name}.{claim}" for claim in range(10**6))
        fence = make(log, fold, lambda ids=ids: next(ids))
        tasks.append(asyncio.create_task(write(fence, memory, acknowledged, rng), name=name))
    try:
        for _ in range(STEPS):
            if rng.random() < 0.1:
                shared.land_late(rng)
            await asyncio.wait_for(schedule.step(), 5)
            for task in tasks:
                if task.done():
                    raise Violation(f"seed {seed}: a writer stopped: {task.exception()!r}")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    check(seed, shared.records, acknowledged, rng, holder_in_the_middle)
    return len(shared.records), len(acknowledged)


def check(
    seed: int, records: list[LogRecord], acknowledged: list[str], rng: random.Random, holder_in_the_middle: bool
) -> None:
    """Raises ``Violation`` unless acknowledged events are in the history once, versions are dense, and a reader that
    starts in the middle with the stored holder sees the same."""
    _, counted = history(records)
    missing = [value for value in acknowledged if counted.count(value) != 1]
    if missing:
        raise Violation(f"seed {seed}: acknowledged, but not once in the history: {missing[:3]}")
    if [int(value.split()[0]) for value in counted] != list(range(1, len(counted) + 1)):
        raise Violation(f"seed {seed}: versions fork or skip")
    middle = rng.randrange(len(records))
    holder, first = history(records[:middle])
    _, rest = history(records[middle:], holder if holder_in_the_middle else NOBODY)
    if first + rest != counted:
        raise Violation(f"seed {seed}: a reader from offset {middle} sees another history")


async def test_no_interleaving_loses_forks_or_invents_an_event() -> None:
    totals = [await run(seed) for seed in range(RUNS)]
    assert sum(records for records, _ in totals) > RUNS * 20
    assert sum(acknowledged for _, acknowledged in totals) > RUNS * 5


class NoGapCheck(Fence):
    async def _prove_gap_void(self, base: int, mine: Holder) -> None:
        pass


class NoClaimReadback(Fence):
    async def claim(self) -> None:
        await self._read_to(LogStream(self._log, self.position.next_offset), await self._log.end())
        mine = Holder(self.position.holder.epoch + 1, self._fresh_id())
        offset = await self._log.append([control(CLAIMED, mine)])
        self.mark = Mark(Position(offset + 1, mine), "")
        self._held = mine


class SameIdAtEveryClaim(Fence):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        name = self._fresh_id()
        self._fresh_id = lambda: name

    async def claim(self) -> None:
        await self._read_to(LogStream(self._log, self.position.next_offset), await self._log.end())
        mine = Holder(self.position.holder.epoch + 1, self._fresh_id())
        await self._log.append([control(CLAIMED, mine)])
        self._held = mine


async def run_until_caught(make: Callable[..., Fence] = Fence, holder_in_the_middle: bool = True) -> None:
    for seed in range(RUNS):
        try:
            await run(seed, make, holder_in_the_middle)
        except LogBroken as broken:
            raise Violation(str(broken)) from broken


@pytest.mark.parametrize("planted", [NoGapCheck, NoClaimReadback, SameIdAtEveryClaim])
async def test_a_planted_bug_in_the_writer_is_caught(planted: type[Fence]) -> None:
    with pytest.raises(Violation):
        await run_until_caught(planted)


async def test_a_reader_that_forgets_the_holder_is_caught() -> None:
    with pytest.raises(Violation):
        await run_until_caught(holder_in_the_middle=False)
