"""What is done to the broker behind the streams' back: committed offsets, and records that are deleted."""

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from infra.kafka_lifetime import started
from infra.settings import Settings
from tests.support.poll import until


async def committed(settings: Settings, group: str) -> dict[int, int]:
    """The group's committed offset of each partition; nothing while the broker does not know the group yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    async with started(admin.start, admin.close):
        try:
            found = await admin.list_consumer_group_offsets(group)
        except KafkaError:
            return {}
    return {place.partition: told.offset for place, told in found.items() if "changelog" not in place.topic}


async def commit(settings: Settings, group: str, place: TopicPartition, offset: int) -> None:
    """Set the committed offset of a group whose members are gone; waits until the broker has missed them."""

    async def tried() -> bool:
        try:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=settings.bootstrap_servers, group_id=group, enable_auto_commit=False
            )
            async with started(consumer.start, consumer.stop):
                consumer.assign([place])
                await consumer.commit({place: offset})
        except KafkaError:
            return False
        return True

    await until(tried, bool)


async def delete_records(settings: Settings, topic: str, ends: Mapping[int, int]) -> None:
    """Delete what lies before these offsets, by partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    async with started(admin.start, admin.close):
        await admin.delete_records(
            {TopicPartition(topic, partition): RecordsToDelete(end) for partition, end in ends.items()}
        )
