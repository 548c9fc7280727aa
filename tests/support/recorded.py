"""Events as a policy or projection gets them, without a log: with an envelope of which only what matters is given."""

from datetime import UTC, datetime
from itertools import count

from event_schemas.envelope import Envelope
from event_schemas.event import Event
from event_schemas.record import Recorded

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_numbers = count(1)


def recorded(
    event: Event, *, time: datetime = NOW, appended: datetime = NOW, correlation_id: str = "story"
) -> Recorded:
    """The event at a place and under an id of its own."""
    number = next(_numbers)
    envelope = Envelope(
        id=f"event-{number}",
        type=event.wire_type,
        subject="subject",
        time=time,
        sequence=1,
        command_id=f"command-{number}",
        correlation_id=correlation_id,
        causation_id=f"command-{number}",
        actor="staff:test",
        writer="writer-1",
        epoch=1,
    )
    return Recorded(event.topic, 0, number, int(appended.timestamp() * 1000), envelope, event)
