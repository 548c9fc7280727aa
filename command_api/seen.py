"""What a client has seen of the log, as its Consistency-Token says: checked, before its command is carried out."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from command_api.writers import Writers
from event_schemas.topics import CATALOG
from infra.cluster import EVENT_TOPICS
from infra.http.consistency_token import Token, refuse_future, refuse_strange
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
        self._ends: dict[tuple[str, int], int] = {}
        self._asking = asyncio.Lock()

    async def check(self, tokens: Sequence[Token]) -> None:
        """Raises ``BadConsistencyToken``, ``ForeignConsistencyToken`` or ``FutureConsistencyToken`` for a token that no
        answer of ours can have given, ``DependencyUnavailable`` when nobody can tell."""
        refuse_strange(tokens, self._cluster_id, EVENT_TOPICS, self._writers.partitions)
        if any(map(self._beyond, tokens)):
            try:
                async with asyncio.timeout(TIMEOUT_MS / 1000), self._asking:
                    await self._ask([token for token in tokens if self._beyond(token)])
            except (KafkaError, OSError, TimeoutError) as error:
                detail = "Kafka does not answer; the Consistency-Token cannot be checked."
                raise DependencyUnavailable(detail) from error
            refuse_future([token for token in tokens if self._beyond(token)], self._ends)

    def _beyond(self, token: Token) -> bool:
        """Whether the record lies beyond what is known of its partition."""
        known = self._writers.positions(token.topic).get(token.partition, 0)
        return token.offset >= max(known, self._ends.get((token.topic, token.partition), 0))

    async def _ask(self, beyond: Sequence[Token]) -> None:
        partitions = {TopicPartition(token.topic, token.partition) for token in beyond}
        if not partitions:
            return  # somebody else has asked meanwhile
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, group_id=None, request_timeout_ms=TIMEOUT_MS
        )
        async with started(consumer.start, consumer.stop):
            ends = await consumer.end_offsets(list(partitions))
        self._ends |= {(tp.topic, tp.partition): end for tp, end in ends.items()}


def catalog_ends(tokens: Sequence[Token]) -> Mapping[int, int]:
    """The next offset of each partition of the catalog behind the tokens of that topic."""
    return {token.partition: token.offset + 1 for token in sorted(tokens) if token.topic == CATALOG.name}
