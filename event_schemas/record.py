"""A record of the log as readers see it: its place, its envelope and its event."""

from typing import NamedTuple

from event_schemas.codec import decode
from event_schemas.envelope import Envelope, Headers, from_headers
from event_schemas.event import Event


class LogRecord(NamedTuple):
    """One record as it lies in the log, not yet decoded."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    """Kafka's append time, milliseconds since 1970."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class Recorded(NamedTuple):
    """An event that counts, at its place in the log."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    envelope: Envelope
    event: Event
    value: bytes = b""
    """The event as it lies in the log, in the version in which it was written."""


def recorded(record: LogRecord) -> Recorded:
    """The event that a record holds, in its newest form.

    Raises ``MalformedEnvelope`` or ``UndecodableEvent``.
    """
    envelope = from_headers(record.headers)
    return Recorded(
        record.topic,
        record.partition,
        record.offset,
        record.appended_ms,
        envelope,
        decode(envelope.type, record.value),
        record.value or b"",
    )
