"""The rules of giving up a recorded event for one view: it is done once, and stays so."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from domain.decider import Command, Decider
from domain.dumped import Dumped, text_or_none
from domain.words import Code
from event_schemas.event import Event
from event_schemas.operations import RecordVoided
from event_schemas.topics import OPERATIONS


class VoidRecord(Command):
    """Give a recorded event up for one projection."""

    topic: ClassVar[str] = OPERATIONS.name
    type: Literal["VoidRecord"] = "VoidRecord"
    projection: Code
    record_topic: Code
    record_partition: int = Field(ge=0, lt=2**31)
    record_offset: int = Field(ge=0, lt=2**63)
    key: str
    reason: Code

    @property
    def aggregate_id(self) -> str:
        """Place and projection: ``orders/3@17/top_sellers``."""
        return f"{self.record_topic}/{self.record_partition}@{self.record_offset}/{self.projection}"


@dataclass(frozen=True, slots=True)
class VoidedRecord:
    """Why a record was given up; None while it was not."""

    reason: str | None = None


def decide(state: VoidedRecord, command: VoidRecord) -> list[Event]:
    """Void it; nothing follows when it is void already, whatever the reason was."""
    if state.reason is not None:
        return []
    fields = command.model_dump(exclude={"type"})
    return [RecordVoided(record_id=command.aggregate_id, **fields)]


def evolve(state: VoidedRecord, event: RecordVoided) -> VoidedRecord:
    """The record after an event."""
    return VoidedRecord(event.reason)


def dump(state: VoidedRecord) -> Dumped:
    """The reason."""
    return state.reason


def load(value: object) -> VoidedRecord:
    """The state that ``dump`` gave. Raises ``TypeError`` for anything else."""
    return VoidedRecord(text_or_none(value))


VOIDED_RECORD: Decider[VoidedRecord] = Decider(OPERATIONS.name, VoidedRecord(), decide, evolve, dump, load)  # type: ignore[arg-type]  # one topic, one aggregate: the codec gives only its events
"""The rules of voided records, as the writer of the topic ``operations`` runs them."""
