"""A partition of a real topic for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from infra.settings import Settings
from tests.support.log import create_topics, delete_topics


@pytest.fixture
async def one_partition(settings: Settings, unique: str) -> AsyncIterator[tuple[str, str]]:
    """Kafka's address and the name of a new topic of one partition."""
    await create_topics(settings.bootstrap_servers, [unique], 1)
    yield settings.bootstrap_servers, unique
    await delete_topics(settings.bootstrap_servers, [unique])
