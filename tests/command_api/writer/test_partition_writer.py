"""The writer of a partition, on a log that loses what the test says. Kafka itself is in the other tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from command_api.fence.fence import Fence
from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import LONG_WAIT_SECONDS, Answer, Intent
from command_api.refusals import KeyReused, Refused, UnknownOutcome, VersionConflict
from command_api.writer.key_window import KeyWindow
from command_api.writer.partition_writer import PartitionWriter
from domain.decider import Command
from domain.rejected import Rejected
from domain.stock_commands import AdjustStock, CountStock, ReceiveStock
from domain.stock_item import STOCK_ITEM
from event_schemas.envelope import from_headers
from event_schemas.holder import NOBODY, Verdict, judge
from event_schemas.record import LogRecord
from event_schemas.stock import AdjustmentReason
from infra.http.problems import InternalError, Problem
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.memory_snapshots import snapshots_of
from tests.support.poll import until


class Losing:
    """What goes wrong with the next appends, one after the other; nothing when the list is empty."""

    def __init__(self) -> None:
        self.next: list[str] = []

    def __call__(self) -> str:
        return self.next.pop(0) if self.next else "nothing"


class Bench:
    """A running writer with its log."""

    def __init__(self, most_keys: int = 1000) -> None:
        self.shared, self.losing, self.most_keys = SharedLog(), Losing(), most_keys
        self.lease: Callable[[], int] | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.writer = self.another()
        self.task = asyncio.create_task(self.writer.run())

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        await self.open.wait()

    def another(self) -> PartitionWriter:
        log = MemoryLog(self.shared, self._turn, self.losing)
        return PartitionWriter(log, STOCK_ITEM, KeyWindow(24, self.most_keys), snapshots_of(), self.lease)

    def counted(self) -> list[LogRecord]:
        holder, counted = NOBODY, []
        for record in self.shared.records:
            holder, verdict = judge(holder, record.headers)
            if verdict is Verdict.COUNTS:
                counted.append(record)
        return counted

    def versions(self) -> list[int]:
        return [from_headers(record.headers).sequence for record in self.counted()]

    async def join(self) -> list[int]:
        """Have it in a group, under the lease whose number is the list's only item."""
        term = [1]
        self.lease = lambda: term[0]
        await self.restart()
        return term

    async def restart(self) -> None:
        self.writer.stop()
        await self.task
        self.writer = self.another()
        self.task = asyncio.create_task(self.writer.run())

    async def do(self, command: Command, key: str, version: int | None = None, fingerprint: str = "f") -> Answer:
        intent = Intent(command, key, fingerprint, "staff:test", key, key, expected_version=version)
        return await asyncio.wait_for(self.writer.submit(intent), 20)

    async def held_up(self, first: str, second: str) -> tuple[asyncio.Task[Answer], asyncio.Task[Answer]]:
        """A receipt under the first key, on its way to a log that stands still, and one that is queued behind it."""
        self.open.clear()
        under_way = asyncio.create_task(self.do(received(1), first))
        await until(lambda: asyncio.sleep(0, bool(self.writer._committer.under_way.decided)), bool)
        queued = asyncio.create_task(self.do(received(1), second))
        await until(lambda: asyncio.sleep(0, len(self.writer._queue.waiting)), lambda length: length == 1)
        return under_way, queued


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.writer.stop()
    await asyncio.wait_for(made.task, 20)


def received(quantity: int) -> ReceiveStock:
    return ReceiveStock(sku="A", quantity=quantity)


def adjusted(delta: int) -> AdjustStock:
    return AdjustStock(sku="A", delta=delta, reason=AdjustmentReason.CORRECTION)


async def test_commands_that_arrive_together_are_appended_together_in_their_order(bench: Bench) -> None:
    answers = await asyncio.gather(*(bench.do(received(1), f"k{number}") for number in range(50)))
    assert [answer.version for answer in answers] == list(range(1, 51))
    assert bench.versions() == list(range(1, 51))
    assert answers[-1].state.level("MAIN").on_hand == 50
    assert answers[-1].position == f"memory/0@{bench.counted()[-1].offset}"


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(bench: Bench) -> None:
    first = await bench.do(received(5), "k1")
    again = await bench.do(received(5), "k1")
    assert again.replayed
    assert (again.version, again.offset) == (first.version, first.offset)
    assert bench.versions() == [1]


async def test_a_key_with_another_request_is_refused(bench: Bench) -> None:
    await bench.do(received(5), "k1", fingerprint="one")
    with pytest.raises(KeyReused):
        await bench.do(received(6), "k1", fingerprint="other")
    assert bench.versions() == [1]


async def test_a_refusal_leaves_no_event_and_is_proven_by_a_beat(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    before = len(bench.shared.records)
    with pytest.raises(Refused) as refused:
        await bench.do(adjusted(-6), "k2")
    assert (refused.value.status, refused.value.code) == (409, "insufficient_stock")
    assert bench.versions() == [1]
    assert len(bench.shared.records) == before + 1


async def test_under_a_lease_a_refusal_and_a_no_op_need_no_beat(bench: Bench) -> None:
    await bench.join()
    first = await bench.do(received(5), "k1")
    before = len(bench.shared.records)
    with pytest.raises(Refused):
        await bench.do(adjusted(-6), "k2")
    unchanged = await bench.do(CountStock(sku="A", counted_quantity=5), "k3")
    assert (unchanged.version, unchanged.offset) == (1, first.offset)
    assert len(bench.shared.records) == before


class Unspeakable(Rejected):
    """A refusal of which no answer can be made: its fact has the name of another member."""


async def test_a_refusal_that_cannot_be_told_fails_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(state: object, command: Command) -> NoReturn:
        raise Unspeakable("no", status="no")

    monkeypatch.setattr(bench.writer._batches, "_decider", STOCK_ITEM._replace(decide=refuse))
    with pytest.raises(InternalError):
        await bench.do(received(5), "k1")
    monkeypatch.undo()
    assert (await bench.do(received(5), "k1")).version == 1


async def test_under_a_later_lease_a_refusal_proves_itself_since_others_may_have_held_in_between(bench: Bench) -> None:
    term = await bench.join()
    await bench.do(received(5), "k1")
    thief = Fence(MemoryLog(bench.shared), lambda record: None)
    await thief.claim()
    term[0] = 2
    with pytest.raises(Refused):
        await bench.do(adjusted(-6), "k2")
    assert bench.writer._fence.holder.epoch > thief.holder.epoch, "it was deposed, and decided after a new claim"


async def test_without_a_lease_nothing_is_claimed_until_there_is_one(bench: Bench) -> None:
    term = await bench.join()
    await bench.do(received(5), "k1")
    thief = Fence(MemoryLog(bench.shared), lambda record: None)
    await thief.claim()
    term[0] = 0
    with capture_logs() as told:
        refused = asyncio.create_task(bench.do(adjusted(-6), "k2"))
        await until(lambda: asyncio.sleep(0, str(told)), lambda text: "not ours to claim" in text)
    ends_with_the_beat = len(bench.shared.records)
    term[0] = 2
    with pytest.raises(Refused):
        await refused
    claim = bench.shared.records[ends_with_the_beat]
    assert judge(thief.holder, claim.headers)[0].epoch == thief.holder.epoch + 1


async def test_a_partition_that_is_given_away_hands_on_what_has_not_happened(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    under_way, queued = await bench.held_up("k2", "k3")
    bench.writer.release()
    with pytest.raises(HeldElsewhere):
        await queued
    with pytest.raises(HeldElsewhere):
        await bench.do(received(1), "k4")
    bench.open.set()
    assert (await under_way).version == 2
    await asyncio.wait_for(bench.task, 20)
    assert bench.versions() == [1, 2]


async def test_a_writer_that_is_deposed_while_it_stops_hands_on_what_has_not_happened(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    under_way, queued = await bench.held_up("k2", "k3")
    await Fence(MemoryLog(bench.shared), lambda record: None).claim()
    bench.writer.stop()
    bench.open.set()
    for each in (under_way, queued):
        with pytest.raises(HeldElsewhere):
            await each
    assert bench.versions() == [1]


async def test_the_next_command_sees_the_state_of_the_last_at_once(bench: Bench) -> None:
    outcomes = await asyncio.gather(
        bench.do(received(5), "k1"), bench.do(adjusted(-5), "k2"), bench.do(adjusted(-1), "k3"), return_exceptions=True
    )
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, True, False]
    assert bench.versions() == [1, 2]


async def test_an_answer_that_changed_nothing_lies_behind_what_it_was_decided_on(bench: Bench) -> None:
    count = CountStock(sku="A", counted_quantity=5)
    *received_five, unchanged = await asyncio.gather(
        *(bench.do(received(1), f"k{number}") for number in range(5)), bench.do(count, "count")
    )
    assert (unchanged.version, unchanged.events) == (5, ())
    assert unchanged.offset == received_five[-1].offset


async def test_a_command_whose_records_cannot_be_made_fails_alone(bench: Bench) -> None:
    before_utc = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    with pytest.raises(InternalError):
        await bench.writer.submit(Intent(received(1), "k1", "f", "staff:test", "k1", "k1", at=before_utc))
    assert (await bench.do(received(5), "k2")).version == 1
    assert not bench.task.done()


async def test_another_version_than_expected_is_refused_with_the_current_one(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    assert (await bench.do(received(5), "k2", version=1)).version == 2
    with pytest.raises(VersionConflict) as conflict:
        await bench.do(received(5), "k3", version=1)
    assert conflict.value.members["current_version"] == 2
    assert conflict.value.headers["ETag"] == '"2"'


async def test_a_lost_answer_is_an_unknown_outcome_and_the_repeat_learns_that_it_happened(bench: Bench) -> None:
    await bench.do(received(1), "k1")
    bench.losing.next = ["answer"]
    with pytest.raises(UnknownOutcome):
        await bench.do(received(5), "k2")
    again = await bench.do(received(5), "k2")
    assert again.replayed
    assert bench.versions() == [1, 2]


async def test_a_lost_request_is_an_unknown_outcome_and_the_repeat_is_carried_out_once(bench: Bench) -> None:
    await bench.do(received(1), "k1")
    bench.losing.next = ["request"]
    with pytest.raises(UnknownOutcome):
        await bench.do(received(5), "k2")
    answer = await bench.do(received(5), "k2")
    assert not answer.replayed
    assert answer.state.level("MAIN").on_hand == 6
    bench.shared.land(bench.shared.late.pop())
    assert bench.versions() == [1, 2], "what lands late, under an old claim, never happened"


async def test_a_deposed_writer_claims_again_and_decides_what_it_had_queued_anew(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    folded: list[LogRecord] = []
    thief = Fence(MemoryLog(bench.shared), folded.append)
    await thief.claim()
    assert len(folded) == 1
    answer = await bench.do(adjusted(-5), "k2")
    assert answer.version == 2
    assert bench.versions() == [1, 2]
    assert thief.holder.epoch < bench.writer._fence.holder.epoch


async def test_a_writer_that_starts_anew_knows_states_and_keys_from_the_log(bench: Bench) -> None:
    first = await bench.do(received(5), "k1")
    await bench.restart()
    again = await bench.do(received(5), "k1")
    assert (again.replayed, again.offset) == (True, first.offset)
    assert (await bench.do(adjusted(-5), "k2")).state.level("MAIN").on_hand == 0


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_command_that_an_aggregate_began_with_is_recognised_for_ever(bench: Bench, restarted: bool) -> None:
    bench.most_keys = 1
    await bench.restart()
    first = await bench.do(received(5), "k1")
    await bench.do(received(1), "k2")
    await bench.do(received(1), "k3")
    if restarted:
        await bench.restart()
    again = await bench.do(received(5), "k1")
    assert (again.replayed, again.version, again.offset) == (True, 1, first.offset)
    with pytest.raises(KeyReused):
        await bench.do(received(6), "k1", fingerprint="other")
    assert not (await bench.do(received(1), "k2")).replayed, "a key that is forgotten is a new one"
    assert bench.versions() == [1, 2, 3, 4]


async def test_an_unreadable_event_quarantines_its_aggregate_and_no_other(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    await bench.do(ReceiveStock(sku="B", quantity=1), "k2")
    broken = next(record for record in bench.counted() if record.key == b"A")
    bench.shared.records[broken.offset] = broken._replace(value=b"not json")
    await bench.restart()
    assert (await bench.do(ReceiveStock(sku="B", quantity=1), "k3")).version == 2
    with pytest.raises(Exception, match=r"cannot be read|memory/0@") as quarantined:
        await bench.do(received(1), "k4")
    assert getattr(quarantined.value, "code", "") == "aggregate_quarantined"
    assert f"1 aggregates quarantined: A at {broken.topic}/{broken.partition}@{broken.offset}" in bench.writer.trouble


async def test_a_forged_record_costs_an_unknown_outcome_and_then_all_goes_on(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    genuine = bench.counted()[-1]
    forged = genuine._replace(offset=len(bench.shared.records), key=b"B", value=b"not json")
    bench.shared.records.append(forged)
    with pytest.raises(UnknownOutcome):
        await bench.do(received(5), "k2")
    assert (await bench.do(received(5), "k2")).replayed
    with pytest.raises(Exception, match="memory/0@") as quarantined:
        await bench.do(ReceiveStock(sku="B", quantity=1), "k3")
    assert getattr(quarantined.value, "code", "") == "aggregate_quarantined"
    assert (await bench.do(received(5), "k4")).version == 3


async def test_a_log_that_lost_acknowledged_records_stops_the_partition(bench: Bench) -> None:
    await bench.do(received(5), "k1")
    await bench.do(received(5), "k2")
    del bench.shared.records[2:]
    with pytest.raises(Exception, match=r"has not said|known history") as stopped:
        await bench.do(received(5), "k3")
    assert getattr(stopped.value, "code", "") in {"outcome_unknown", "log_truncated"}
    await asyncio.wait_for(bench.task, 20)
    with pytest.raises(Exception, match="known history") as refused:
        await bench.do(received(5), "k4")
    assert getattr(refused.value, "code", "") == "log_truncated"


def waiting(bench: Bench, key: str, *, gone: bool = False, seconds: float = 0.0) -> "asyncio.Future[Answer]":
    """Hand a command in that was asked for so many seconds ago, by a client that has left or not."""
    since = time.monotonic() - seconds
    intent = Intent(received(1), key, "f", "staff:test", key, key, gone=lambda: gone, since=since)
    return bench.writer.submit(intent)


async def outcome(future: "asyncio.Future[Answer]") -> int | str:
    """The version that a command led to, or the code of its refusal."""
    try:
        return (await asyncio.wait_for(future, 20)).version
    except Problem as problem:
        return problem.code


async def test_a_command_that_has_waited_long_is_dropped_when_its_client_has_left(bench: Bench) -> None:
    await bench.do(received(1), "first")
    handed_in = [
        waiting(bench, "left", gone=True, seconds=1),
        waiting(bench, "waits", seconds=1),
        waiting(bench, "left a moment ago", gone=True, seconds=-60),  # so it stays one on a machine that stands still
    ]
    assert [await outcome(each) for each in handed_in] == ["abandoned", 2, 3]
    assert bench.versions() == [1, 2, 3]


async def test_a_command_that_is_on_its_way_is_not_dropped_whoever_leaves(bench: Bench) -> None:
    await bench.do(received(1), "first")
    bench.open.clear()
    left = False
    intent = Intent(received(1), "k", "f", "staff:test", "k", "k", gone=lambda: left, since=time.monotonic())
    on_its_way = bench.writer.submit(intent)
    await asyncio.sleep(0.01)
    assert bench.writer.acknowledged("A").version == 1
    await asyncio.sleep(LONG_WAIT_SECONDS)
    left = True
    bench.open.set()
    assert await outcome(on_its_way) == 2


async def test_what_has_waited_too_long_has_not_happened_wherever_it_stands_in_the_queue(bench: Bench) -> None:
    await bench.do(received(1), "first")
    bench.open.clear()
    under_way = waiting(bench, "under way")
    await asyncio.sleep(0.01)
    young, old, younger = (waiting(bench, key, seconds=age) for key, age in (("a", 0), ("b", 10), ("c", 0)))
    bench.writer.expire()
    assert await outcome(old) == "partition_unavailable"
    assert not any(each.done() for each in (under_way, young, younger))
    bench.open.set()
    assert [await outcome(each) for each in (under_way, young, younger)] == [2, 3, 4]


async def test_the_expected_wait_grows_with_the_queue_and_the_time_of_a_batch(bench: Bench) -> None:
    await bench.do(received(1), "first")
    bench.open.clear()
    under_way = waiting(bench, "under way")
    await asyncio.sleep(0.2)
    bench.open.set()
    await under_way
    assert bench.writer.expected_wait == 0
    queued = [waiting(bench, f"q{number}") for number in range(300)]
    assert bench.writer.expected_wait > 0.1
    await asyncio.gather(*queued)
    assert bench.writer.expected_wait == 0


async def test_thousands_of_refusals_under_a_lease_let_others_have_their_turn(bench: Bench) -> None:
    await bench.join()
    await bench.do(received(1), "k")
    refused = [bench.writer.submit(Intent(adjusted(-9), f"r{n}", "f", "staff:test", "r", "r")) for n in range(2_000)]
    turns = 0
    while not refused[-1].done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 8
    assert {type(each.exception()) for each in refused} == {Refused}
