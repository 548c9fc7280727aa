"""A group of its own for each test, over two topics of its own."""

from collections.abc import AsyncIterator

import pytest

from infra.settings import Settings
from tests.command_api.group.members import PARTITIONS, Members
from tests.support.log import create_topics, delete_topics


@pytest.fixture
async def members(settings: Settings, unique: str) -> AsyncIterator[Members]:
    """Makes members of the group."""
    topics = [f"{unique}-orders", f"{unique}-stock"]
    await create_topics(settings.bootstrap_servers, topics, PARTITIONS)
    made = Members(settings.bootstrap_servers, topics, unique)
    yield made
    await made.close()
    await delete_topics(settings.bootstrap_servers, topics)
