"""The records that the events of a command become."""

from collections.abc import Sequence
from datetime import datetime

from uuid_utils import uuid7

from command_api.fence.log import Outgoing
from command_api.intent import Intent
from command_api.writer.aggregate import Versioned
from event_schemas.codec import encode
from event_schemas.envelope import Envelope, to_headers
from event_schemas.event import Event
from event_schemas.holder import Holder


def outgoing(
    intent: Intent, events: Sequence[Event], before: Versioned, holder: Holder, now: datetime
) -> list[Outgoing]:
    """The records of a command's events, in order, under the claim of ``holder``."""
    subject = intent.command.aggregate_id
    key = subject.encode()
    records = []
    for number, event in enumerate(events, start=before.version + 1):
        envelope = Envelope(
            id=str(uuid7()),
            type=event.wire_type,
            subject=subject,
            time=intent.at or now,
            sequence=number,
            command_id=intent.command_id,
            correlation_id=intent.correlation_id,
            causation_id=intent.causation_id,
            actor=intent.actor,
            writer=holder.writer,
            epoch=holder.epoch,
            fingerprint=intent.fingerprint,
        )
        records.append(Outgoing(key, encode(event), to_headers(envelope)))
    return records
