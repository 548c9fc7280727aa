"""What a client has seen of the log, as its Consistency-Token says: checked, before its command is carried out. And how
far the log reaches, for the tokens of an answer that does not know its own any more."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from command_api.intent import Place
from command_api.writer.writers import Writers
from event_schemas.topics import CATALOG
from infra.cluster import EVENT_TOPICS
from infra.http.consistency_token import Token, refuse_strange
from infra.http.known_ends import KnownEnds
from infra.http.problems import DependencyUnavailable
from infra.kafka_lifetime import started

TIMEOUT_MS = 3_000


class SeenLog:
    """Checks tokens against the cluster and against how far its log reaches.

    What this instance has written or folded it knows to be there; of the rest it asks the broker, and remembers.
    """

    def __init__(self, bootstrap_servers: str, cluster_id: str, writers: Writers) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._cluster_id = cluster_id
        self._writers = writers
        self._ends = KnownEnds(self._ask, lambda place: writers.positions(place[0]).get(place[1], 0))

    async def check(self, tokens: Sequence[Token]) -> None:
        """Raises ``BadConsistencyToken``, ``ForeignConsistencyToken`` or ``FutureConsistencyToken`` for a token that no
        answer of ours can have given, ``DependencyUnavailable`` when nobody can tell."""
        refuse_strange(tokens, self._cluster_id, EVENT_TOPICS, self._writers.partitions)
        async with self._in_time():
            await self._ends.refuse_future(tokens)

    async def last(self, places: Collection[tuple[str, int]]) -> tuple[Place, ...]:
        """The last record of each of these topics' partitions, which have some, as the broker has it now. Raises
        ``DependencyUnavailable``.

        What this instance has folded would not do: another one may have taken the partition since.
        """
        if not places:
            return ()
        async with self._in_time():
            ends = await self._ends.asked(places)
        return tuple(Place(topic, partition, end - 1) for (topic, partition), end in sorted(ends.items()))

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TIMEOUT_MS / 1000):
                yield
        except (KafkaError, OSError, TimeoutError) as error:
            raise DependencyUnavailable("Kafka does not answer; it cannot be told how far its log reaches.") from error

    async def _ask(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, group_id=None, request_timeout_ms=TIMEOUT_MS
        )
        partitions = [TopicPartition(*place) for place in places]
        async with started(consumer.start, consumer.stop):
            consumer.assign(partitions)  # else it asks who leads them only after a refusal, 100 ms later
            ends = await consumer.end_offsets(partitions)
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}


def catalog_ends(tokens: Sequence[Token]) -> Mapping[int, int]:
    """The next offset of each partition of the catalog behind the tokens of that topic."""
    return {token.partition: token.offset + 1 for token in sorted(tokens) if token.topic == CATALOG.name}
