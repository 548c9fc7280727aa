"""The headers of a parked record as JSON, and text as PostgreSQL can store it."""

import base64
from collections.abc import Sequence
from typing import Any

import orjson


def headers_to_json(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Headers as JSON pairs; a value that is no plain text becomes ``{"base64": ...}``."""
    return orjson.dumps(
        [[storable(name), None if value is None else _value(value)] for name, value in headers]
    ).decode()


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
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return None if value is None else value.encode()


def storable(text: str) -> str:
    """The text with its zeros replaced, which PostgreSQL does not store."""
    return text.replace("\x00", "\ufffd")
