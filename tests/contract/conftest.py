"""A partition for each test that asks for one: of a real topic, or of each kind of log in turn."""

from collections.abc import AsyncIterator

import pytest

from command_api.fence.kafka_log import KafkaLog
from command_api.fence.log import Log
from infra.settings import Settings
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.place import OpenLog, Place
from tests.contract.trouble import KafkaTrouble, MemoryTrouble
from tests.support.log import create_topics, delete_topics


@pytest.fixture
async def one_partition(settings: Settings, unique: str) -> AsyncIterator[tuple[str, str]]:
    """Kafka's address and the name of a new topic of one partition."""
    await create_topics(settings.bootstrap_servers, [unique], 1)
    yield settings.bootstrap_servers, unique
    await delete_topics(settings.bootstrap_servers, [unique])


@pytest.fixture(params=["memory", "kafka"])
async def place(
    request: pytest.FixtureRequest, one_partition: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """A place in memory, and one on Kafka."""
    opened: list[Log] = []
    shared = SharedLog()
    in_memory, on_kafka = MemoryTrouble(shared), KafkaTrouble(monkeypatch, *one_partition)

    def connect() -> Log:
        in_memory_log = request.param == "memory"
        opened.append(MemoryLog(shared, loses=in_memory.loses) if in_memory_log else KafkaLog(*one_partition, 0))
        return opened[-1]

    yield Place(connect, in_memory if request.param == "memory" else on_kafka)
    for log in opened:
        await log.close()


@pytest.fixture
def open_log(place: Place) -> OpenLog:
    """Opens connections to one empty partition."""
    return place.connect
