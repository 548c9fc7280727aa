"""A rebuild whose consumer brings nothing of one partition replaces it, however much comes of the others."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.log_reader import LogReader
from projectors.rebuilds import watched_reader
from projectors.rebuilds.fill import Filler
from projectors.stores.store import Standing
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received
from tests.support.running import running


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_a_consumer_that_is_deaf_in_one_partition_is_replaced_while_others_have_traffic(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_reader, "VAIN_SECONDS", 0.5)
    make, readers = Filler.reader, list[LogReader]()
    deaf = TopicPartition(bench.projection.topic, 0)

    def deaf_at_first(filler: Filler, standings: Mapping[int, Standing]) -> LogReader:
        reader = make(filler, standings)
        if not readers:
            consumer: AIOKafkaConsumer = cast(Any, reader)._consumer
            assign, resume = consumer.assign, consumer.resume

            def assigned(places: Iterable[TopicPartition]) -> None:
                assign(places)
                consumer.pause(deaf)

            monkeypatch.setattr(consumer, "assign", assigned)
            monkeypatch.setattr(consumer, "resume", lambda *places: resume(*{*places} - {deaf}))
        readers.append(reader)
        return reader

    monkeypatch.setattr(Filler, "reader", deaf_at_first)
    await bench.writer.append(0, [received("waits")])
    await bench.worker()

    async def write() -> None:
        while True:
            await bench.writer.append(1, [received("moves")])

    async with asyncio.timeout(30), running(write()):
        await rebuild(bench)
    assert (await generation(bench), (await bench.totals())["waits"]) == (2, 1)
    assert len(readers) > 1
