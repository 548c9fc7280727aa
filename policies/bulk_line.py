"""A command as a line of ``POST /v1/bulk``, with the key, causes and time that follow from its events. Pure."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

import orjson

from event_schemas.envelope import instant
from event_schemas.record import Recorded
from policies.policy import Intent

COMMANDS = UUID("0d0c4a5e-9c0e-5c39-a1a4-6a2f0c2f9be1")
HISTORIC_MS = 3_600_000
"""An event that was appended more than an hour after its business time is history, and so is what follows from it."""


class BulkLine(NamedTuple):
    """One line, ready to be sent."""

    key: str
    """Idempotency key: a redelivery that groups the same events has the same one, another grouping has another."""
    aggregate_id: str
    """Lines of one aggregate must be sent in their order."""
    command_type: str
    body: bytes
    """JSON, without the line's end."""


def bulk_line(policy: str, intent: Intent) -> BulkLine:
    """The line for an intent of the policy of that name."""
    command, causes = intent.command, intent.causes
    last = causes[-1].envelope
    ids = "+".join(cause.envelope.id for cause in causes)
    key = str(uuid5(COMMANDS, f"{policy}/{intent.number}/{ids}"))
    head = {
        "key": key,
        "actor": f"system:{policy}",
        "correlation_id": last.correlation_id,
        "causation_id": last.id,
        "follows": last_positions(causes),
    }
    at = historic_time(causes)
    if at is not None:
        head["at"] = instant(at)
    value = command.__pydantic_serializer__.to_json(command, exclude_none=True)
    body = orjson.dumps(head)[:-1] + b',"command":' + value + b"}"
    return BulkLine(key, command.aggregate_id, type(command).__name__, body)


def last_positions(causes: tuple[Recorded, ...]) -> list[str]:
    """Where the causes lie in the log, the last of each partition, as ``stock/3@1842``."""
    last: dict[tuple[str, int], int] = {}
    for cause in causes:
        partition = (cause.topic, cause.partition)
        last[partition] = max(cause.offset, last.get(partition, 0))
    return [f"{topic}/{partition}@{offset}" for (topic, partition), offset in last.items()]


def historic_time(causes: tuple[Recorded, ...]) -> datetime | None:
    """The latest business time of the causes (UTC) when all of them are history, else None: the present."""
    times = [cause.envelope.time for cause in causes if _historic(cause)]
    return max(times).astimezone(UTC) if len(times) == len(causes) else None


def _historic(recorded: Recorded) -> bool:
    return recorded.appended_ms - recorded.envelope.time.timestamp() * 1000 > HISTORIC_MS
