"""How an event gets a second version: declared for these tests alone, and forgotten after each."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from event_schemas.codec import InvalidEventValue, UnknownEventType, _resolve, decode, encode
from event_schemas.event import REGISTRY, Event, Upcast, event


@pytest.fixture(autouse=True)
def _registry_as_it_was() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)
    _resolve.cache_clear()


def declare() -> type[Event]:
    @event("test.greeted", topic="test", version=3)
    class Greeted(Event):
        """Somebody was greeted."""

        names: tuple[str, ...]
        warmly: bool

        upcasts: ClassVar[Mapping[int, Upcast]] = {
            1: lambda value: {"names": [value["name"]]},
            2: lambda value: {**value, "warmly": False},
        }

    return Greeted


def as_json(**value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_reader_sees_only_the_newest_version() -> None:
    greeted = declare()
    newest = greeted(names=("Ada",), warmly=False)
    assert decode("test.greeted.v1", as_json(name="Ada")) == newest
    assert decode("test.greeted.v2", as_json(names=["Ada"])) == newest
    assert decode("test.greeted.v3", as_json(names=["Ada"], warmly=False)) == newest


def test_a_writer_writes_only_the_newest_version() -> None:
    greeted = declare()
    assert greeted.wire_type == "test.greeted.v3"
    assert json.loads(encode(greeted(names=("Ada",), warmly=True))) == {"names": ["Ada"], "warmly": True}


def test_a_version_that_is_newer_than_this_code_is_unknown() -> None:
    declare()
    with pytest.raises(UnknownEventType, match="versions 1 to 3"):
        decode("test.greeted.v4", b"{}")


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[]", b"7", b"null", b"[" * 100_000, b'{"name":7}'])
def test_an_old_value_that_its_upcast_cannot_read_is_invalid(value: bytes | None) -> None:
    declare()
    with pytest.raises(InvalidEventValue):
        decode("test.greeted.v1", value)


def test_a_new_version_without_an_upcast_from_each_older_one_fails_at_import() -> None:
    with pytest.raises(TypeError, match="no upcast from version 2"):

        @event("test.parted", topic="test", version=3)
        class Parted(Event):
            """Somebody left."""

            upcasts: ClassVar[Mapping[int, Upcast]] = {1: lambda value: value}


def test_a_name_is_declared_once() -> None:
    declare()
    with pytest.raises(TypeError, match="declared twice"):
        declare()
