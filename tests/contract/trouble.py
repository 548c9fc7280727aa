"""What goes wrong between a writer and its log: the next request is lost and arrives later, or its answer is lost.

On Kafka too: the real requests of the real producer are held back, and later arrive on another connection.
"""

from typing import Any, Protocol

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from infra.kafka_lifetime import started
from tests.contract.memory_log import SharedLog
from tests.support.log import delete_topics
from tests.support.poll import until

PRODUCE = 0
"""Kafka's API key."""


class Trouble(Protocol):
    """Between the writers and one partition."""

    def lose(self, what: str) -> None:
        """Lose the next ``request``, or its ``answer``."""

    async def arrive(self) -> None:
        """Let what was lost arrive now; and a request that had arrived, once more, where its sender may repeat it."""

    async def forget(self, before: int) -> None:
        """Delete the records before an offset."""

    async def begin_anew(self) -> None:
        """Replace the partition by an empty one of the same name."""


class MemoryTrouble:
    """Of the in-memory log, whose senders repeat nothing."""

    def __init__(self, shared: SharedLog) -> None:
        self._shared = shared
        self._next: list[str] = []

    def loses(self) -> str:
        """For ``MemoryLog``."""
        return self._next.pop() if self._next else "nothing"

    def lose(self, what: str) -> None:
        self._next = [what]

    async def arrive(self) -> None:
        for batch in self._shared.late:
            self._shared.land(batch)

    async def forget(self, before: int) -> None:
        self._shared.first = before

    async def begin_anew(self) -> None:
        self._shared.records.clear()


class KafkaTrouble:
    """Of a real broker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._next: list[str] = []
        self._held: list[tuple[int, Any]] = []
        send = AIOKafkaClient.send

        async def lossy(client: AIOKafkaClient, node: int, request: Any, **named: Any) -> Any:
            if request.API_KEY != PRODUCE or not self._next:
                return await send(client, node, request, **named)
            self._held.append((node, request))
            if self._next.pop() == "answer":
                await send(client, node, request, **named)
            raise KafkaError("lost, as the test wants it")

        monkeypatch.setattr(AIOKafkaClient, "send", lossy)

    def lose(self, what: str) -> None:
        self._next = [what]

    async def arrive(self) -> None:
        client = AIOKafkaClient(bootstrap_servers=self._bootstrap_servers)
        async with started(client.bootstrap, client.close):
            for node, request in self._held:
                await client.ready(node)
                await client.send(node, request)

    async def forget(self, before: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers)
        async with started(admin.start, admin.close):
            await admin.delete_records({TopicPartition(self._topic, 0): RecordsToDelete(before)})

    async def begin_anew(self) -> None:
        await delete_topics(self._bootstrap_servers, [self._topic])
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers)

        async def made() -> list[int]:
            answer = await admin.create_topics([NewTopic(self._topic, 1, 1)])
            return [error[1] for error in answer.topic_errors]

        async with started(admin.start, admin.close):
            await until(made, lambda errors: errors == [0])
