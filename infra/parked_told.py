"""How a parked record is told, whoever has parked it: as a line, as JSON, or whole."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from event_schemas.record import LogRecord

ERROR_WIDTH = 100


class Letter(Protocol):
    """A record that is parked, or that was given up, as operators see it."""

    @property
    def cursor(self) -> str:
        """Who has it, and its place: from where a list goes on behind it."""

    def line(self) -> str:
        """In one line."""

    def described(self) -> dict[str, Any]:
        """As JSON, without its content."""


class Parked(Protocol):
    """A record that counts but was set aside, and why."""

    @property
    def record(self) -> LogRecord:
        """As it lies in the log."""

    @property
    def key(self) -> str:
        """Its key as text."""

    @property
    def place(self) -> str:
        """Where it lies: ``orders/3@17``."""

    @property
    def code(self) -> str:
        """Of the error."""

    @property
    def error(self) -> str:
        """In words."""

    @property
    def attempts(self) -> int:
        """How often it was tried."""


def line(reader: str, parked: Parked) -> str:
    """In one line, with who parked it and how old it is."""
    age = time.time() - parked.record.appended_ms / 1000
    error = " ".join(parked.error.split())[:ERROR_WIDTH]
    tries = f"{parked.attempts} tries" if parked.attempts > 1 else "1 try"
    key = parked.key or "(no key)"
    return f"{reader}  {parked.place}  {key}  {parked.code}  {tries}  {age:,.0f} s old  {error}"


def described(parked: Parked) -> dict[str, Any]:
    """As JSON, without its content."""
    appended = datetime.fromtimestamp(parked.record.appended_ms / 1000, UTC)
    return {
        "place": parked.place,
        "key": parked.key,
        "code": parked.code,
        "error": parked.error,
        "attempts": parked.attempts,
        "appended_at": appended.isoformat(timespec="milliseconds"),
    }


def whole(parked: Parked) -> dict[str, Any]:
    """As JSON, with headers and value as text."""
    record = parked.record
    return {
        **described(parked),
        "headers": {name: (value or b"").decode(errors="replace") for name, value in record.headers},
        "value": None if record.value is None else record.value.decode(errors="replace"),
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """What is told, for a person, a line each, headers by themselves."""
    for name, value in told.items():
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {header}: {text}" for header, text in value.items())
        else:
            yield f"{name}: {value}"
