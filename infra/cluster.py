"""Which Kafka cluster this is, and how many partitions its event topics have."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from event_schemas.topics import TOPICS
from infra.kafka_lifetime import started

EVENT_TOPICS = tuple(topic.name for topic in TOPICS)

logger = structlog.get_logger(__name__)


class TopicsMissing(Exception):
    """Event topics are missing, or differ in their number of partitions. `python -m infra.create_topics` makes them."""


class Cluster(NamedTuple):
    """A Kafka cluster: its id, and the number of partitions of every event topic."""

    id: str
    partitions: int


async def describe(bootstrap_servers: str, topics: Sequence[str] = EVENT_TOPICS) -> Cluster:
    """Ask the broker once. Raises ``KafkaError`` or ``OSError`` when it is away, ``TopicsMissing`` when topics are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    async with started(admin.start, admin.close):
        about = await admin.describe_cluster()
        described = await admin.describe_topics(list(topics))
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
    missing = [name for name in topics if not counts.get(name)]
    if missing:
        raise TopicsMissing(f"topics {', '.join(missing)} do not exist yet")
    if len(set(counts.values())) != 1:
        raise TopicsMissing(f"event topics must have the same number of partitions, but have {counts}")
    return Cluster(str(about["cluster_id"]), next(iter(counts.values())))


async def await_cluster(bootstrap_servers: str) -> Cluster:
    """Ask until the broker answers and every event topic is there, with back-off and a line in the log at each try."""

    def waiting(attempt: RetryCallState) -> None:
        why = attempt.outcome.exception() if attempt.outcome else None
        logger.warning("waiting for Kafka", bootstrap_servers=bootstrap_servers, why=str(why))

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((KafkaError, OSError, TopicsMissing)),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        before_sleep=waiting,
    ):
        with attempt:
            return await describe(bootstrap_servers)
    raise AssertionError("retrying never ends without an answer")
