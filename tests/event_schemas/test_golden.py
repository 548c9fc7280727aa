"""Examples of every event version ever shipped: they are only added to, and can always be read."""

import json
from typing import Any

import pytest

from event_schemas.codec import decode, encode
from event_schemas.envelope import from_headers, to_headers
from event_schemas.event import REGISTRY, Event
from event_schemas.generate import GOLDEN, golden

FILES = sorted(GOLDEN.glob("*.json"))
EXAMPLES = [
    pytest.param(path.stem, example, id=f"{path.stem}-{number}")
    for path in FILES
    for number, example in enumerate(golden(path.stem), start=1)
]


@pytest.mark.parametrize(("wire_type", "example"), EXAMPLES)
def test_an_example_is_read_as_the_newest_version_and_loses_nothing(wire_type: str, example: dict[str, Any]) -> None:
    event = decode(wire_type, json.dumps(example["value"]).encode())
    assert type(event) is REGISTRY[wire_type.rpartition(".v")[0]]
    again = encode(event)
    assert decode(event.wire_type, again) == event
    if event.wire_type == wire_type:
        assert _without_empty(json.loads(again)) == _without_empty(example["value"])


@pytest.mark.parametrize(("wire_type", "example"), EXAMPLES)
def test_the_headers_of_an_example_are_an_envelope_of_its_type(wire_type: str, example: dict[str, Any]) -> None:
    if "headers" not in example:
        assert golden(wire_type)[0]["headers"], "the first example of each type has headers"
        return
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    envelope = from_headers(headers)
    assert envelope.type == wire_type
    assert dict(to_headers(envelope)) == dict(headers)


def test_there_are_examples_of_every_version_that_was_ever_shipped_and_of_nothing_else() -> None:
    shipped = {f"{name}.v{version}" for name, cls in REGISTRY.items() for version in range(1, cls.version + 1)}
    assert {path.stem for path in FILES} == shipped


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
def test_the_examples_of_the_newest_version_use_every_field(cls: type[Event]) -> None:
    assert {name for example in golden(cls.wire_type) for name in example["value"]} == set(cls.model_fields)


def _without_empty(value: Any) -> Any:
    """Without the empty lists that a default adds to an example of an older writer."""
    if isinstance(value, dict):
        return {name: _without_empty(part) for name, part in value.items() if part not in ([], {})}
    return [_without_empty(part) for part in value] if isinstance(value, list) else value
