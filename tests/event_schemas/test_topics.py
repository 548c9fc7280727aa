"""The table of topics and the declared events fit together."""

import pytest

from event_schemas.event import REGISTRY, Event
from event_schemas.topics import TOPICS

EVENTS = pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())


@EVENTS
def test_every_event_lives_in_a_topic_of_the_table(cls: type[Event]) -> None:
    assert cls.topic in {topic.name for topic in TOPICS}


@EVENTS
def test_every_event_carries_the_key_of_its_topic(cls: type[Event]) -> None:
    (topic,) = [topic for topic in TOPICS if topic.name == cls.topic]
    assert cls.model_fields[topic.key].is_required()


@EVENTS
def test_every_event_says_in_business_language_what_happened(cls: type[Event]) -> None:
    assert cls.__doc__
    assert cls.__doc__ != Event.__doc__
    assert cls.__doc__.rstrip().endswith(".")


@EVENTS
def test_a_wire_name_is_no_python_path(cls: type[Event]) -> None:
    assert cls.__name__ not in cls.wire_type
    assert cls.wire_type == f"{cls.wire_name}.v{cls.version}"


def test_topics_have_names_of_their_own_and_none_is_empty() -> None:
    names = [name for topic in TOPICS for name in (topic.name, topic.dead_letters)]
    assert len(set(names)) == len(names)
    assert {topic.name for topic in TOPICS} == {cls.topic for cls in REGISTRY.values()}
