"""Where the streams' reader goes on after it has thrown away what it fetched during a rebalance."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from faust.types import TP
from faust.types.transports import ConsumerT

from infra.settings import Settings
from projectors.streams.faust_app import create_app, create_table, read, start
from tests.support.log import create_topics, delete_topics

POSITION = 3


@pytest.fixture
async def consumer(settings: Settings, unique: str) -> AsyncIterator[ConsumerT]:
    """Of a worker that has recovered an empty table, and knows its position in the topic."""
    await create_topics(settings.bootstrap_servers, [unique], 1)
    app = create_app(settings, f"stockroom-{unique}-v1", 1, unique)
    table = create_table(app, 1)
    is_ready = asyncio.Event()

    async def ready() -> None:
        is_ready.set()

    async def take(_: object) -> None:
        pass

    table.on_recover(ready)
    read(app, unique, take, lambda: {TP(unique, 0): POSITION})
    try:
        await start(app)
        async with asyncio.timeout(60):
            await is_ready.wait()
        yield app.consumer
    finally:
        await app.stop()
        await delete_topics(settings.bootstrap_servers, [unique, f"stockroom-{unique}-v1-now-changelog"])


async def test_it_goes_back_in_the_topic_and_in_the_changelog_to_what_the_table_has(
    consumer: ConsumerT, unique: str
) -> None:
    topic, changelog = TP(unique, 0), TP(f"stockroom-{unique}-v1-now-changelog", 0)
    await consumer.seek_wait({topic: POSITION + 4, changelog: 5})
    await consumer.perform_seek()
    assert await consumer.position(topic) == POSITION
    assert await consumer.position(changelog) == 0
