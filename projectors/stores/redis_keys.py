"""Names of a projection's keys in Redis, and its parked records as they stand there."""

import base64
from collections.abc import Iterable
from typing import Any

import orjson

from event_schemas.record import LogRecord
from projectors.projection import RedisCommand
from projectors.stores.parked_headers import headers_from_json, headers_to_json
from projectors.stores.store import Parked, Place

MOST_ARGUMENTS = 1_000
"""Of one command: Lua passes them on its stack."""


def active_key(projection: str) -> str:
    """Holds the number of the generation that queries read."""
    return f"active:{projection}"


def switching_key(projection: str) -> str:
    """Holds the live engine back while a rebuild switches; it expires by itself."""
    return f"switching:{projection}"


def retrying_key(projection: str) -> str:
    """Holds the live engine back while a retry that was overtaken too often is made; it expires by itself."""
    return f"retrying:{projection}"


def prefix(projection: str, generation: int) -> str:
    """Of every key that a generation fills."""
    return f"{projection}:{generation}:"


def prefixed(command: RedisCommand, prefix: str) -> list[str]:
    """The command as strings with its key in the generation.

    Raises ``TypeError`` for an argument that is no string or number, ``ValueError`` for a command of another form.
    """
    args = command.args
    if not 2 <= len(args) <= MOST_ARGUMENTS:
        raise ValueError(f"a command has 2 to {MOST_ARGUMENTS} parts, this one {len(args)}")
    for arg in args:
        if not isinstance(arg, str | int | float):
            raise TypeError(f"{arg!r} is neither a string nor a number")
    return [str(args[0]).upper(), f"{prefix}{args[1]}", *map(str, args[2:])]


def parked_field(parked: Parked) -> str:
    """Field of a parked record in its hash."""
    return field_of_place((parked.record.partition, parked.record.offset))


def field_of_place(place: Place) -> str:
    """Field of the record that is parked at a place."""
    return "{}/{}".format(*place)


def place_of_field(field: bytes | str) -> Place:
    """The place that a field stands for."""
    partition, offset = (field if isinstance(field, str) else field.decode()).split("/")
    return int(partition), int(offset)


def parked_pair(parked: Parked) -> tuple[str, str]:
    """Field and value of a parked record in its hash."""
    return parked_field(parked), parked_to_json(parked)


def parked_to_json(parked: Parked) -> str:
    """A parked record as it is kept."""
    record = parked.record
    return orjson.dumps(
        {
            "partition": record.partition,
            "offset": record.offset,
            "key": parked.key,
            "error_code": parked.code,
            "error": parked.error,
            "attempts": parked.attempts,
            "topic": record.topic,
            "appended_ms": record.appended_ms,
            "headers": headers_to_json(record.headers),
            "record_key": _packed(record.key),
            "value": _packed(record.value),
        }
    ).decode()


def parked_from_json(text: bytes | str) -> Parked:
    """The parked record that ``parked_to_json`` made this of; append time 0 where an older release has made it."""
    row = orjson.loads(text)
    record = LogRecord(
        row.get("topic", ""),
        row["partition"],
        row["offset"],
        row.get("appended_ms", 0),
        _unpacked(row["record_key"]),
        _unpacked(row["value"]),
        headers_from_json(row["headers"]),
    )
    return Parked(record, row["error_code"], row["error"], row.get("attempts", 1))


def in_log_order(rows: Iterable[bytes | str]) -> list[Parked]:
    """Parked records by partition and offset."""
    return sorted(map(parked_from_json, rows), key=lambda one: (one.record.partition, one.record.offset))


def parked_key(row: bytes | str) -> str:
    """The key of a parked record."""
    return str(orjson.loads(row)["key"])


def _packed(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _unpacked(value: Any) -> bytes | None:
    return None if value is None else base64.b64decode(value)
