"""A record of the log as one line: for a person, or whole as JSON. And which records somebody wants to see. Pure."""

from typing import Any, NamedTuple

import orjson

from event_schemas.envelope import Envelope, MalformedEnvelope, from_headers
from event_schemas.record import LogRecord

WIDTH_OF_DATA = 160


class Filter(NamedTuple):
    """Which records are wanted; None means any."""

    subject: str | None = None
    type_prefix: str | None = None
    correlation_id: str | None = None

    def wants(self, record: LogRecord) -> bool:
        """Whether the record's headers fit. A record without readable headers fits only where nothing is asked."""
        headers = {name: value for name, value in record.headers if value is not None}
        if self.subject is not None and headers.get("ce_subject") != self.subject.encode():
            return False
        if self.type_prefix is not None and not headers.get("ce_type", b"").startswith(self.type_prefix.encode()):
            return False
        return self.correlation_id is None or headers.get("ce_correlationid") == self.correlation_id.encode()


def place(record: LogRecord) -> str:
    """Where the record lies: `orders/3@1842`."""
    return f"{record.topic}/{record.partition}@{record.offset}"


def as_text(record: LogRecord, void: bool = False) -> str:
    """Business time, place, type, subject, version, actor, and the beginning of the data; `VOID` before a void one."""
    mark = "VOID " if void else ""
    envelope = _envelope(record)
    data = _shortened((record.value or b"").decode(errors="replace"))
    if envelope is None:
        key = (record.key or b"").decode(errors="replace")
        return f"{mark}{'without an envelope':<23} {place(record):<14} key {key}  {data}"
    return (
        f"{mark}{envelope.time:%Y-%m-%d %H:%M:%S.%f}"[: 23 + len(mark)]
        + f" {place(record):<14} {envelope.type:<26} {envelope.subject}  v{envelope.sequence}  {envelope.actor}  {data}"
    )


def as_json(record: LogRecord, void: bool = False) -> str:
    """One JSON object: the place, every header, the data as it lies there."""
    try:
        data: Any = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        data = (record.value or b"").decode(errors="replace")
    fields = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "appended_ms": record.appended_ms,
        "key": (record.key or b"").decode(errors="replace"),
        "void": void,
        "headers": {name: None if value is None else value.decode(errors="replace") for name, value in record.headers},
        "data": data,
    }
    return orjson.dumps(fields).decode()


def _envelope(record: LogRecord) -> Envelope | None:
    try:
        return from_headers(record.headers)
    except MalformedEnvelope:
        return None


def _shortened(text: str) -> str:
    return text if len(text) <= WIDTH_OF_DATA else f"{text[: WIDTH_OF_DATA - 1]}…"
