"""The topics: created once with the right settings, left alone afterwards, and refused when they differ."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from event_schemas.topics import TOPICS
from infra.create_topics import WrongPartitions, create_topics, partitions_in_use, wanted_topics
from infra.settings import Settings

NAMES = [topic.name for topic in TOPICS]


def test_each_event_topic_has_a_dead_letter_topic() -> None:
    names = [topic.name for topic in wanted_topics(Settings(), 3)]
    assert sorted(names) == sorted([*NAMES, *(f"{name}.dlq" for name in NAMES)])


def test_the_setting_decides_only_while_there_are_no_topics() -> None:
    assert partitions_in_use({}, 6) == 6
    assert partitions_in_use({NAMES[0]: 12, "some.other": 1}, 6) == 12


def test_event_topics_with_different_partitions_are_refused_by_name() -> None:
    with pytest.raises(WrongPartitions, match=f"{NAMES[0]} 6"):
        partitions_in_use({NAMES[0]: 6, NAMES[1]: 7}, 6)


async def test_a_second_run_creates_nothing() -> None:
    await create_topics(Settings())
    assert await create_topics(Settings()) == []


async def test_events_are_kept_for_ever() -> None:
    await create_topics(Settings())
    admin = AIOKafkaAdminClient(bootstrap_servers=Settings().bootstrap_servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, NAMES[0])])
    finally:
        await admin.close()
    found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert found["retention.ms"] == "-1"
    assert found["cleanup.policy"] == "delete"
