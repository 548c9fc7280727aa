"""What cannot be applied is found in a bounded number of tries, and nothing else is parked with it."""

import gc
import weakref
from collections.abc import Callable, Sequence
from math import log2

import pytest

from event_schemas.record import LogRecord, Recorded
from event_schemas.stock import StockReceived
from infra.log_batch import START, Batch
from projectors.projection import RedisCommand, Statement
from projectors.stores.isolation import applied
from projectors.stores.sorting import Decoder, Sorting
from tests.projectors.tiny import Bench, received
from tests.support.log import entry

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])
EVENTS = 6_000
POISON = 60


def _most_tries(events: int, poison: int) -> float:
    """In a tree of halves at most so many nodes hold one of the poison events or are the sibling of one that does."""
    return 2 * poison * (log2(events / poison) + 2) + 2


def _sorting(*records: tuple[str, bool]) -> Sorting:
    """One batch of events of these keys; those with False cannot be decoded."""
    made = []
    for offset, (key, sound) in enumerate(records):
        one = entry(received(key)[1], key, writer="w", epoch=1)
        value = one.value if sound else b"{"
        made.append(LogRecord("t", 0, offset, 0, one.key, value, one.headers))
    return Sorting([Batch("t", 0, made, START, START, 0)], frozenset(), Decoder(0), ())


def _refusing(*together: int) -> Callable[[Sequence[Recorded]], list[list[int]]]:
    """An ``apply`` that fails for any batch in which all these offsets are; gives the offsets it got, as one list."""

    def apply(events: Sequence[Recorded]) -> list[list[int]]:
        offsets = [event.offset for event in events]
        if set(together) <= set(offsets):
            raise ValueError("not these")
        return [offsets]

    return apply


def _parked(sorting: Sorting) -> list[tuple[int, str]]:
    return sorted((one.record.offset, one.code) for one in sorting.parked)


def test_events_before_a_poison_one_of_their_key_are_applied_and_those_after_it_wait() -> None:
    sorting = _sorting(("a", True), ("b", True), ("a", True), ("b", True), ("a", True), ("b", False), ("b", True))
    made = applied(sorting, _refusing(2))
    assert made == [[0, 1, 3]]
    assert _parked(sorting) == [
        (2, "apply_failed"),
        (4, "queued_behind"),
        (5, "invalid_event_value"),
        (6, "queued_behind"),
    ]


def test_what_waits_behind_poison_is_parked_and_counted_once_however_often_its_stretch_is_tried() -> None:
    sorting = _sorting(*((f"k{n % 5}", True) for n in range(40)))

    def apply(events: Sequence[Recorded]) -> list[int]:
        if {0, 1, 17, 22} & {event.offset for event in events}:
            raise ValueError("not these")
        return [event.offset for event in events]

    made = applied(sorting, apply)
    parked = [offset for offset, _ in _parked(sorting)]
    assert parked == sorted({*range(0, 40, 5), *range(1, 40, 5), *range(17, 40, 5)})
    assert sorting.outcome.applied == len(made) == 40 - len(parked)


@pytest.mark.parametrize("poison", [(1,), (7,)], ids=["with poison", "without poison"])
def test_a_batch_is_freed_at_once_without_a_garbage_collection(poison: tuple[int, ...]) -> None:
    sorting = _sorting(("a", True), ("b", True), ("c", True))
    gc.disable()
    try:
        event = weakref.ref(sorting.events[0].event)
        assert applied(sorting, _refusing(*poison))
        assert event() is not None
        del sorting
        assert event() is None
    finally:
        gc.enable()


def test_events_that_fail_only_together_are_all_applied_apart_and_in_order() -> None:
    sorting = _sorting(*((key, True) for key in "abcdef"))
    made = applied(sorting, _refusing(1, 4))
    assert [offset for run in made for offset in run] == [0, 1, 2, 3, 4, 5]
    assert len(made) > 1
    assert sorting.parked == []


@pytest.mark.parametrize("sound", [0, 1, 40, 499, 500])
def test_a_batch_that_fails_as_a_whole_costs_about_a_try_each(sound: int) -> None:
    events = 500
    sorting = _sorting(*((f"k{n}", True) for n in range(events)))
    tries: list[int] = []

    def apply(batch: Sequence[Recorded]) -> list[int]:
        tries.append(len(batch))
        if any(event.offset >= sound for event in batch):
            raise ValueError("no")
        return [event.offset for event in batch]

    assert applied(sorting, apply) == list(range(sound))
    assert _parked(sorting) == [(n, "apply_failed") for n in range(sound, events)]
    assert len(tries) <= events - sound + 2 * log2(events) + 4
    assert sum(tries) <= 6 * events


def test_a_batch_without_poison_is_applied_once_as_a_whole() -> None:
    sorting = _sorting(*((key, True) for key in "abc"))
    calls: list[Sequence[Recorded]] = []

    def apply(events: Sequence[Recorded]) -> list[int]:
        calls.append(events)
        return [len(events)]

    assert applied(sorting, apply) == [3]
    assert len(calls) == 1


@both_stores
@pytest.mark.parametrize("reason", ["apply", "store"])
async def test_one_percent_of_poison_is_all_parked_in_few_tries_and_all_else_is_applied(
    bench: Bench, reason: str
) -> None:
    step = EVENTS // POISON
    bad = {f"k{n}" for n in range(7, EVENTS, step)}

    def event(key: str) -> tuple[str, StockReceived]:
        if key not in bad:
            return received(key)
        return received(key, 5_000) if reason == "store" else received(key, reference="explode")

    for partition in range(3):
        await bench.writer.append(partition, [event(f"k{n}") for n in range(partition, EVENTS, 3)])
    tries: list[int] = []
    apply = bench.projection.apply

    def counting(events: Sequence[Recorded]) -> list[Statement] | list[RedisCommand]:
        tries.append(len(events))
        return apply(events)

    bench.projection = bench.projection._replace(apply=counting)  # type: ignore[arg-type]
    worker = await bench.worker()
    batches, parked = await bench.behind(worker)
    outcome = await worker.commit(batches, parked)
    assert {one.key for one in outcome.parked} == bad
    assert {one.code for one in outcome.parked} == {"apply_failed"}
    assert {key for key, _, _ in await bench.parked()} == bad
    assert await bench.totals() == {f"k{n}": 1 for n in range(EVENTS) if f"k{n}" not in bad}
    singly = EVENTS if (reason, bench.projection.store) == ("store", "redis") else 0
    assert len(tries) <= _most_tries(EVENTS, POISON) + singly
