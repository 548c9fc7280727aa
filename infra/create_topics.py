"""Creates the topics of `event_schemas.topics.TOPICS` and their dead-letter topics: `python -m infra.create_topics`.

Waits for Kafka with back-off. What exists is left as it is; event topics whose numbers of partitions differ end it with
exit code 1.
"""

import asyncio
import logging
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError, for_code
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from event_schemas.topics import TOPICS
from infra.settings import Settings, settings

WAIT_SECONDS = 60.0


class WrongPartitions(Exception):
    """An event topic has another number of partitions than the rest; the message says which and what to do."""


def wanted_topics(configuration: Settings, partitions: int) -> list[NewTopic]:
    """Every event topic and its `.dlq`, for the admin client."""
    kept_for_ever = {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "min.insync.replicas": str(configuration.min_insync_replicas),
    }
    names = [name for topic in TOPICS for name in (topic.name, f"{topic.name}.dlq")]
    return [NewTopic(name, partitions, configuration.replication_factor, topic_configs=kept_for_ever) for name in names]


def partitions_in_use(existing: dict[str, int], configured: int) -> int:
    """How many partitions the event topics have: what exists decides, the setting only when there are none yet.

    `existing` is the number of partitions by topic name. Raises `WrongPartitions` when event topics differ.
    """
    counts = {topic.name: existing[topic.name] for topic in TOPICS if topic.name in existing}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise WrongPartitions(
            f"The event topics differ in their number of partitions ({listed}), but partition k of each is shard k. "
            "Nothing was changed. Delete the topic that is wrong if it is empty, or migrate it."
        )
    return next(iter(counts.values()), configured)


async def create_topics(configuration: Settings) -> list[str]:
    """Creates what is missing; returns the names created. Raises `WrongPartitions`, or `KafkaError` after a minute."""

    @retry(
        retry=retry_if_exception_type((KafkaError, OSError)),
        wait=wait_exponential(multiplier=0.2, max=3.0),
        stop=stop_after_delay(WAIT_SECONDS),
        reraise=True,
    )
    async def attempt() -> list[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=configuration.bootstrap_servers)
        try:
            await admin.start()
            described = await admin.describe_topics(await admin.list_topics())
            existing = {each["topic"]: len(each["partitions"]) for each in described}
            partitions = partitions_in_use(existing, configuration.partitions)
            missing = [topic for topic in wanted_topics(configuration, partitions) if topic.name not in existing]
            if missing:
                response = await admin.create_topics(missing)
                for name, code, *message in response.topic_errors:
                    error = for_code(code)
                    if code and error is not TopicAlreadyExistsError:
                        raise error(f"{name}: {message}")
            return [topic.name for topic in missing]
        finally:
            await admin.close()

    return await attempt()


def main() -> int:
    """Creates the topics of the configured Kafka; 0, or 1 with a message on standard error."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    configuration = settings()
    try:
        created = asyncio.run(create_topics(configuration))
    except WrongPartitions as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (KafkaError, OSError) as error:
        sys.stderr.write(f"The topics could not be created on {configuration.bootstrap_servers}: {error}\n")
        if isinstance(error, InvalidReplicationFactorError):
            sys.stderr.write("Is STOCKROOM_REPLICATION_FACTOR above the number of brokers?\n")
        return 1
    sys.stdout.write(f"topics created: {', '.join(created)}\n" if created else "all topics exist\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
