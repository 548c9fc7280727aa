"""How the reader of the log fetches: fresh for whoever keeps up, and not more often than it was told."""

import time
from collections.abc import AsyncIterator, Iterable

import pytest

from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings
from tests.projectors.tiny import received
from tests.support.log import LogWriter, create_topics, delete_topics

APART = 0.3


@pytest.fixture
async def writer(settings: Settings, unique: str) -> AsyncIterator[LogWriter]:
    """Of a topic of a test's own with one claimed partition."""
    await create_topics(settings.bootstrap_servers, [unique], 1)
    async with LogWriter(settings.bootstrap_servers, unique) as made:
        await made.claim(0)
        yield made
    await delete_topics(settings.bootstrap_servers, [unique])


async def append(writer: LogWriter, skus: Iterable[str]) -> None:
    await writer.append(0, [received(sku) for sku in skus])


async def offsets(reader: LogReader) -> list[int]:
    """Of the records that one reading brings; a reading before them may bring the claim alone."""
    while not (found := [record.offset for batch in await reader.read() for record in batch.records]):
        pass
    return found


async def test_a_reading_brings_all_that_came_while_the_caller_worked(settings: Settings, writer: LogWriter) -> None:
    async with LogReader(settings.bootstrap_servers, {(writer.topic, 0): START}) as reader:
        await append(writer, ["A"])
        assert await offsets(reader) == [1]
        for sku in "BCD":
            await append(writer, [sku])
            assert (await reader.ends())[writer.topic, 0] > 2  # a round trip, in which a record could be fetched
        assert await offsets(reader) == [2, 3, 4]


async def test_two_readings_that_bring_something_are_as_far_apart_as_was_told(
    settings: Settings, writer: LogWriter
) -> None:
    async with LogReader(settings.bootstrap_servers, {(writer.topic, 0): START}, apart_seconds=APART) as reader:
        await append(writer, ["A"])
        await offsets(reader)
        read = time.monotonic()
        await append(writer, ["B"])
        assert await offsets(reader) == [2]
        assert time.monotonic() - read >= APART * 0.9


async def test_a_partition_that_is_read_alone_is_read_after_others_were(settings: Settings, writer: LogWriter) -> None:
    places = {(writer.topic, 0): START}
    async with LogReader(settings.bootstrap_servers, places) as reader:
        await append(writer, ["A"])
        await offsets(reader)
        await append(writer, ["B"])
        [batch] = [batch async for batch in reader.exactly({(writer.topic, 0): 3})]
        assert [record.offset for record in batch.records] == [2]
