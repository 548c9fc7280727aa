"""Opaque cursors: where a page ended, with a checksum over that and over the query it belongs to.

The checksum finds damage and cursors of other queries. It keeps no secret: a forged one shows what a filter would show.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from query_api.refusals import BadCursor

CHECK_BYTES = 8
LONGEST = 20_000


def write_cursor(query: Sequence[object], place: Sequence[Any]) -> str:
    """The cursor after the row with the sort values `place`, for the query that `query` (path, filters, order) is."""
    payload = orjson.dumps(list(place))
    return base64.urlsafe_b64encode(_check(query, payload) + payload).rstrip(b"=").decode()


def read_cursor(query: Sequence[object], cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The sort values in a cursor: str, int, float, bool or datetime (UTC), as `kinds` say. Raises `BadCursor`."""
    if len(cursor) > LONGEST:
        raise BadCursor("It is too long.")
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor("It is damaged.") from error
    check, payload = raw[:CHECK_BYTES], raw[CHECK_BYTES:]
    if check != _check(query, payload):
        raise BadCursor("It is damaged, or was given for other filters or another order.")
    try:
        place = orjson.loads(payload)
        if not isinstance(place, list):
            raise TypeError("no list")
        return [_value(value, kind) for value, kind in zip(place, kinds, strict=True)]
    except (ValueError, TypeError, OverflowError) as error:
        raise BadCursor("It does not say where to go on.") from error


def _value(value: Any, kind: type[Any]) -> Any:
    if kind is datetime:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return time.astimezone(UTC)
    if kind is float and type(value) is int:
        return float(value)
    fits = bool(type(value) is kind)
    if not fits or (kind is int and abs(value) >= 2**63) or (kind is str and "\x00" in value):
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


def _check(query: Sequence[object], payload: bytes) -> bytes:
    named = orjson.dumps([None if part is None else str(part) for part in query])
    return hashlib.blake2b(named + b"\0" + payload, digest_size=CHECK_BYTES, person=b"stockroom").digest()
