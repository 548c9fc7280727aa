"""A reader that brings nothing of one partition is made anew, however busy the others are."""

from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.log_batch import START
from infra.log_reader import LogReader
from projectors.engine.runner import Runner
from projectors.engine.watchdog import STUCK_SECONDS, Watchdog
from projectors.stillness import Stuck
from projectors.stores.store import Standing
from tests.projectors.tiny import Bench, received
from tests.support.poll import until
from tests.support.running import running


def _at(*offsets: int) -> dict[int, Standing]:
    return {number: Standing(START._replace(next_offset=offset), 0, 0) for number, offset in enumerate(offsets)}


async def test_a_partition_that_stands_still_while_another_one_moves_is_read_by_a_new_consumer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projectors.engine.watchdog.STUCK_SECONDS", 1.0)
    make, readers = cast(Any, Runner)._reader, list[LogReader]()

    async def deaf_at_first(runner: Runner) -> LogReader:
        reader: LogReader = await make(runner)
        if not readers:
            consumer: AIOKafkaConsumer = cast(Any, reader)._consumer
            deaf, resume = TopicPartition(bench.projection.topic, 0), consumer.resume
            consumer.pause(deaf)
            monkeypatch.setattr(consumer, "resume", lambda *places: resume(*{*places} - {deaf}))
        readers.append(reader)
        return reader

    monkeypatch.setattr(Runner, "_reader", deaf_at_first)
    await bench.writer.append(0, [received("waits")])

    async def totals() -> dict[str, int]:
        await bench.writer.append(1, [received("moves")])
        return await bench.totals()

    async with running(bench.engine().run()):
        await until(totals, lambda found: "waits" in found)
    assert len(readers) == 2


def test_a_partition_behind_its_end_is_stuck_after_so_much_asking_and_not_while_nobody_asks() -> None:
    watchdog, ends = Watchdog("t"), {0: 9, 1: 100}
    for turn in range(20):
        watchdog.asked(0.0, _at(5, turn), ends)
    for turn in range(20, 20 + int(STUCK_SECONDS)):
        watchdog.asked(1.0, _at(5, turn), ends)
    with pytest.raises(Stuck, match="t/0 "):
        watchdog.asked(1.0, _at(5, 100), ends)


def test_one_that_moves_or_has_nothing_to_read_is_not() -> None:
    watchdog = Watchdog("t")
    for turn in range(5 * int(STUCK_SECONDS)):
        watchdog.asked(1.0, _at(5, turn), {0: 5, 1: 1_000})
