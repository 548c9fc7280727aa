"""How many partitions the topics have, as the broker knows it: what was created decides, not the setting."""

from collections.abc import Iterable

from aiokafka.client import AIOKafkaClient

from policies.patience import StillAway


async def topic_partitions(bootstrap_servers: str, topics: Iterable[str]) -> dict[str, list[int]]:
    """The partitions of each topic, in order. Raises ``StillAway`` for a topic that is not there yet."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    try:
        await client.bootstrap()
        found = {}
        for topic in topics:
            await client.add_topic(topic)
            partitions = client.cluster.partitions_for_topic(topic)
            if not partitions:
                raise StillAway(f"Kafka has no topic {topic} yet")
            found[topic] = sorted(partitions)
        return found
    finally:
        await client.close()
