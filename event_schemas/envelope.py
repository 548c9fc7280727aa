"""The envelope of an event: CloudEvents 1.0 in Kafka's binary mode, so all of it stands in the record's headers.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

SOURCE = "/command_api"

Headers = Sequence[tuple[str, bytes]]


class MalformedEnvelope(ValueError):
    """A record lacks a header that every event has, or one of them cannot be read."""

    code = "malformed_envelope"


class Envelope(NamedTuple):
    """Who, why, when and which story: all that is known of an event beside its fields."""

    id: str
    """UUIDv7, unique per event."""
    type: str
    """Wire name and version, as ``order.placed.v1``."""
    subject: str
    """Aggregate id, also the record's key."""
    time: datetime
    """Business time, UTC."""
    sequence: int
    """Version of the aggregate after this event: 1, 2, 3 …"""
    command_id: str
    """Identity of the command that caused it."""
    correlation_id: str
    """The whole story."""
    causation_id: str
    """The direct cause: an event's id, or the command's."""
    actor: str
    """``user:<id>``, ``staff:<id>`` or ``system:<policy>``."""
    writer: str
    """Id of the claim under which it was appended."""
    epoch: int
    """Epoch of that claim."""
    fingerprint: str = ""
    """Hash of the request; empty where the command's id already says all."""
    traceparent: str = ""
    """W3C trace context, empty when there is none."""


def instant(time: datetime) -> str:
    """UTC RFC 3339 with microseconds, as ``2010-12-01T08:26:00.000000Z``."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def to_headers(envelope: Envelope) -> Headers:
    """The record headers of an event, CloudEvents attributes with the ``ce_`` prefix, UTF-8."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", envelope.id.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", SOURCE.encode()),
        ("ce_subject", envelope.subject.encode()),
        ("ce_time", instant(envelope.time).encode()),
        ("ce_sequence", b"%d" % envelope.sequence),
        ("ce_commandid", envelope.command_id.encode()),
        ("ce_correlationid", envelope.correlation_id.encode()),
        ("ce_causationid", envelope.causation_id.encode()),
        ("ce_actor", envelope.actor.encode()),
        ("ce_writer", envelope.writer.encode()),
        ("ce_epoch", b"%d" % envelope.epoch),
        ("ce_dataschema", f"/event_schemas/schemas/{envelope.type}.json".encode()),
        ("content-type", b"application/json"),
    ]
    if envelope.fingerprint:
        headers.append(("ce_fingerprint", envelope.fingerprint.encode()))
    if envelope.traceparent:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return headers


def from_headers(headers: Headers) -> Envelope:
    """The envelope that stands in a record's headers. Of several of one name the last that is not null counts.

    Raises ``MalformedEnvelope`` when a required one is missing or unreadable.
    """
    try:
        return _envelope(dict(headers))
    except (AttributeError, TypeError):  # a null, which is as good as no header
        return from_headers(_without_nulls(headers))
    except KeyError as missing:
        raise MalformedEnvelope(f"header {missing} is missing or null") from missing
    except ValueError as error:
        raise MalformedEnvelope(f"a header cannot be read: {error}") from error


def _without_nulls(headers: Headers) -> Headers:
    found = [(name, value) for name, value in headers if value is not None]
    if len(found) == len(headers):
        raise MalformedEnvelope("a header is not bytes")
    return found


def _envelope(by_name: Mapping[str, bytes]) -> Envelope:
    time = datetime.fromisoformat(by_name["ce_time"].decode())
    if time.tzinfo is None:
        raise ValueError("ce_time names no time zone")
    return Envelope(  # by place: by name it takes a third longer, and a rebuild makes millions
        by_name["ce_id"].decode(),
        by_name["ce_type"].decode(),
        by_name["ce_subject"].decode(),
        time,
        int(by_name["ce_sequence"]),
        by_name["ce_commandid"].decode(),
        by_name["ce_correlationid"].decode(),
        by_name["ce_causationid"].decode(),
        by_name["ce_actor"].decode(),
        by_name["ce_writer"].decode(),
        int(by_name["ce_epoch"]),
        by_name.get("ce_fingerprint", b"").decode(),
        by_name.get("traceparent", b"").decode(),
    )
