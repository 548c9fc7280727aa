"""Events of running the shop: what operators decided about what was recorded."""

from pydantic import Field

from event_schemas.event import Event, event
from event_schemas.topics import OPERATIONS


@event("record.voided", topic=OPERATIONS.name)
class RecordVoided(Event):
    """A recorded event that one view of the shop could not take in was given up for that view, by a person and for a
    reason. The event itself stays recorded, every other view keeps it, and the view never shows it again."""

    record_id: str = Field(description="Place of the event in the log, and the view.")
    projection: str = Field(description="The view that does without it.")
    record_topic: str
    record_partition: int = Field(ge=0)
    record_offset: int = Field(ge=0)
    key: str = Field(description="What the event is about: an order, a SKU, a product.")
    reason: str
