"""Event to bytes and back. Values are JSON that a person can read; every reader sees only the newest version."""

from functools import lru_cache

from pydantic import ValidationError
from pydantic_core import from_json

from event_schemas.event import REGISTRY, Event


class UndecodableEvent(ValueError):
    """A record's type or value cannot be read. Subclasses say which; ``code`` is stable."""

    code = "undecodable_event"


class UnknownEventType(UndecodableEvent):
    """No event of that wire name is declared, or its version is newer than this code."""

    code = "unknown_event_type"


class InvalidEventValue(UndecodableEvent):
    """The value is not JSON, or does not fit the event's fields."""

    code = "invalid_event_value"


def encode(event: Event) -> bytes:
    """The event's value as UTF-8 JSON, fields in the order of their declaration, absent ones left out."""
    return event.__pydantic_serializer__.to_json(event, exclude_none=True)


def decode(wire_type: str, value: bytes | None) -> Event:
    """The newest form of the event that ``value`` (UTF-8 JSON) holds under ``wire_type`` (``order.placed.v1``).

    Raises ``UnknownEventType`` or ``InvalidEventValue``.
    """
    cls, version = _resolve(wire_type)
    try:
        if version == cls.version:
            event: Event = cls.__pydantic_validator__.validate_json(value or b"")
            return event
        data = from_json(value or b"")
        if not isinstance(data, dict):
            raise TypeError("the value is not a JSON object")
        for old in range(version, cls.version):
            data = cls.upcasts[old](data)
        return cls.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "value"
        raise InvalidEventValue(f"{wire_type}: {place}: {first['msg']}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidEventValue(f"{wire_type}: {error}") from error


@lru_cache(maxsize=1024)
def _resolve(wire_type: str) -> tuple[type[Event], int]:
    name, _, suffix = wire_type.rpartition(".v")
    cls = REGISTRY.get(name)
    if cls is None:
        raise UnknownEventType(f"no event is declared as {wire_type[:200]!r}")
    version = next((known for known in range(1, cls.version + 1) if suffix == str(known)), None)
    if version is None:
        raise UnknownEventType(f"{wire_type[:200]!r} is not one of the versions 1 to {cls.version} of {name}")
    return cls, version
