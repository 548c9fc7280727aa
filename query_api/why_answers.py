"""The shape of the answer that explains an order, a product or a SKU."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class DeadLetter(BaseModel):
    """A record that a read model or policy has set aside. `queued_behind` waits for an earlier one of its key;
    `dropped` was given up for good, and `error` says why and by whom."""

    reader: str
    code: str
    error: str
    key: str
    topic: str
    partition: int
    offset: int


class RowOf(BaseModel):
    """A row of a read model, money in minor units."""

    table: str
    row: dict[str, Any]


class Refused(BaseModel):
    """A command of a policy that was refused for good."""

    policy: str
    command_type: str
    aggregate_id: str
    code: str
    detail: str


class Happened(BaseModel):
    """An event: where it lies, what the read models show of it, and the commands that policies sent because of it."""

    id: str
    type: str
    subject: str
    version: int
    topic: str
    partition: int
    offset: int
    at: datetime
    appended_at: datetime
    rows: list[RowOf]
    dead_letters: list[DeadLetter]
    refused: list[Refused]
    then: list["Done"]


class Done(BaseModel):
    """A command that was carried out: who sent it, why, and the events that it left."""

    id: str
    actor: str
    causation_id: str = Field(description="Id of the event that led to it, or its own where nothing did.")
    correlation_id: str
    events: list[Happened]


class Disagreement(BaseModel):
    """A warehouse whose level is not what its movements add up to, which is never right."""

    warehouse_id: str
    on_hand: int
    reserved: int
    moved_on_hand: int
    moved_reserved: int


class Why(BaseModel):
    """Why it is as it is. `truncated`: more has happened than is told. `dead_letters`: those of no event here."""

    id: str = Field(description="Of the order, also where its number was asked for.")
    stock: dict[str, int] | None = Field(description="Of a SKU: what is on hand less what is reserved is available.")
    disagreements: list[Disagreement] = Field(description="Levels that `./stockroom rebuild stock` has to look at.")
    untold: list[str] = Field(description="Read models whose dead letters are not told: Redis does not answer.")
    stories: list[Done] = Field(
        description="Below 100 commands that led one to the next, a story goes on in a tree of its own."
    )
    dead_letters: list[DeadLetter]
    truncated: bool
