"""Parked records as rows of ``stockroom.parked``: written in the caller's transaction, read for their copy."""

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from projectors.control_tables import Connection
from projectors.store import Copied, Parked

_INSERT = """
INSERT INTO stockroom.parked (projection, generation, topic, partition, record_offset, key, error_code, error, headers,
                              record_key, value)
SELECT $1, $2, $3, p.* FROM unnest($4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
                                   $10::bytea[], $11::bytea[]) AS p
ON CONFLICT DO NOTHING
"""
_UNCOPIED = """
SELECT k.partition, k.record_offset, k.record_key, k.value, k.headers, k.error_code, k.error FROM stockroom.parked k
JOIN stockroom.projections p ON p.name = k.projection AND p.active_generation = k.generation
WHERE k.projection = $1 AND NOT k.copied ORDER BY k.partition, k.record_offset LIMIT $2
"""
_MARK = """
UPDATE stockroom.parked k SET copied = true FROM unnest($2::int[], $3::bigint[]) AS c (partition, record_offset)
WHERE k.projection = $1 AND k.partition = c.partition AND k.record_offset = c.record_offset
"""


def headers_to_json(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Headers as JSON pairs; a value that is no plain text becomes ``{"base64": ...}``."""
    return orjson.dumps([[_text(name), None if value is None else _value(value)] for name, value in headers]).decode()


def headers_from_json(text: str | bytes) -> list[tuple[str, bytes]]:
    """The headers that ``headers_to_json`` made this of."""
    return [(name, _bytes(value)) for name, value in orjson.loads(text)]


def _value(value: bytes) -> str | dict[str, str]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\x00"
    return {"base64": base64.b64encode(value).decode()} if "\x00" in text else text


def _bytes(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value and value.encode()


def _text(text: str) -> str:
    return text.replace("\x00", "\ufffd")


async def insert(
    connection: Connection, projection: str, generation: int, topic: str, parked: Sequence[Parked]
) -> None:
    """Park records, inside the transaction that passes their offsets."""
    if not parked:
        return
    await connection.execute(
        _INSERT,
        projection,
        generation,
        topic,
        [one.record.partition for one in parked],
        [one.record.offset for one in parked],
        [_text(one.key) for one in parked],
        [one.code for one in parked],
        [_text(one.error) for one in parked],
        [headers_to_json(one.record.headers) for one in parked],
        [one.record.key for one in parked],
        [one.record.value for one in parked],
    )


async def keys(connection: Connection, projection: str, generation: int) -> frozenset[str]:
    """Keys behind which further records queue."""
    rows = await connection.fetch(
        "SELECT DISTINCT key FROM stockroom.parked WHERE projection = $1 AND generation = $2", projection, generation
    )
    return frozenset(row["key"] for row in rows)


async def uncopied(connection: Connection, projection: str, limit: int) -> list[Copied]:
    """Parked records of the active generation that are not in the dead letter topic yet, in log order."""
    return [
        Copied(
            row["partition"],
            row["record_offset"],
            row["record_key"],
            row["value"],
            headers_from_json(row["headers"]),
            row["error_code"],
            row["error"],
        )
        for row in await connection.fetch(_UNCOPIED, projection, limit)
    ]


async def mark_copied(connection: Connection, projection: str, records: Sequence[Copied]) -> None:
    """Remember that these are in the dead letter topic, for every generation that parked them."""
    await connection.execute(_MARK, projection, [one.partition for one in records], [one.offset for one in records])
