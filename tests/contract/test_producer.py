"""The producer of one partition, on real Kafka."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka.protocol.produce import ProduceRequest

from command_api.fence.kafka_log import KafkaLog
from command_api.fence.log import Outgoing
from command_api.fence.producer import REQUEST_MS, BatchProducer


def records(*values: str) -> list[Outgoing]:
    return [Outgoing(b"key", value.encode(), [("n", b"%d" % n)]) for n, value in enumerate(values)]


@asynccontextmanager
async def producing(bootstrap_servers: str, topic: str) -> AsyncIterator[BatchProducer]:
    producer = BatchProducer(bootstrap_servers, topic, 0)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def test_batches_lie_one_after_the_other_as_they_were_sent(one_partition: tuple[str, str]) -> None:
    async with producing(*one_partition) as producer:
        offsets = [await producer.send(records("a", "b")), await producer.send(records("c"))]
    assert offsets == [0, 2]
    log = KafkaLog(*one_partition, 0)
    found = []
    async for chunk in log.read(0):
        found += [(record.key, record.value, dict(record.headers)) for record in chunk]
        if len(found) == 3:
            break
    assert found == [(b"key", b"a", {"n": b"0"}), (b"key", b"b", {"n": b"1"}), (b"key", b"c", {"n": b"0"})]


async def test_a_batch_that_is_sent_again_is_in_the_log_once(one_partition: tuple[str, str]) -> None:
    async with producing(*one_partition) as producer:
        await producer.send(records("a"))
        topics = [(one_partition[1], [(0, producer._batch(records("b", "c")))])]
        request = ProduceRequest(None, -1, REQUEST_MS, topics)
        assert [await producer._produce(request) for _ in range(3)] == [1, 1, 1]
    assert await KafkaLog(*one_partition, 0).end() == 3


async def test_sequence_numbers_begin_again_after_the_largest(one_partition: tuple[str, str]) -> None:
    async with producing(*one_partition) as producer:
        producer._sequence = 2**31 - 2
        assert [await producer.send(records("a", "b", "c")) for _ in range(3)] == [0, 3, 6]
        assert producer._sequence == 7


async def test_what_does_not_fit_into_a_batch_is_not_sent(one_partition: tuple[str, str]) -> None:
    async with producing(*one_partition) as producer:
        with pytest.raises(ValueError, match="the batch is full"):
            await producer.send(records("x" * 600_000, "y" * 600_000))
        assert await producer.send(records("a")) == 0


async def test_an_append_that_is_cancelled_while_its_producer_starts_forgets_no_connection(
    one_partition: tuple[str, str],
) -> None:
    log = KafkaLog(*one_partition, 0)
    with warnings.catch_warnings(record=True) as unclosed:
        warnings.simplefilter("always", ResourceWarning)
        for turn in range(60):
            appending = asyncio.create_task(log.append(records("a")))
            await asyncio.sleep(turn * 0.000_1)
            appending.cancel()
            with suppress(asyncio.CancelledError):
                await appending
        await log.close()
    assert not unclosed
    assert await log.append(records("b")) >= 0
    await log.close()
