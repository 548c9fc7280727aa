"""Endpoint that explains an order, a product or a SKU: its stories from command to events, rows and dead letters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from event_schemas.topics import STOCK, TOPICS
from infra.http.principal import Operator
from query_api.events_sql import COLUMNS
from query_api.feeds import FEEDS
from query_api.refusals import NothingRecorded
from query_api.sources import FromSources, Sources, applied
from query_api.why_rows import dead_letters_of, refused_of, rows_of
from query_api.why_tree import place_of, tree

router = APIRouter(prefix="/v1/why", tags=["audit"], dependencies=[Depends(applied(*FEEDS))])

MOST_EVENTS = 500
MOST_OWN = 200
_PARTS = "\nUNION ALL ".join(f"(SELECT '{one.name}' AS topic, {COLUMNS} FROM audit.{one.name} {{0}})" for one in TOPICS)
OWN = _PARTS.format(f"WHERE subject = $1 ORDER BY partition DESC, record_offset DESC LIMIT {MOST_OWN}")
OF_STORIES = _PARTS.format(f"WHERE correlation_id = ANY($1::text[]) ORDER BY appended_at LIMIT {MOST_EVENTS}")
LEVELS = """
SELECT sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved, sum(available)::bigint AS available
FROM stock.levels WHERE sku = $1 HAVING count(*) > 0
"""


class DeadLetter(BaseModel):
    """A record that a read model or policy has set aside. `queued_behind` waits for an earlier one of its key."""

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


class Why(BaseModel):
    """Why it is as it is. `truncated`: more has happened than is told. `dead_letters`: those of no event here."""

    id: str
    stock: dict[str, int] | None = Field(description="Of a SKU: what is on hand less what is reserved is available.")
    stories: list[Done]
    dead_letters: list[DeadLetter]
    truncated: bool


@router.get("/{id}", response_model=Why)
async def explain(
    operator: Operator,
    sources: FromSources,
    id: Annotated[str, Path(min_length=1, description="Id of an order or product, or a SKU.")],  # noqa: A002 (the name in the path)
    stories: Annotated[int, Query(ge=1, le=100, description="Of how many of its newest stories to tell.")] = 20,
) -> dict[str, Any]:
    """The newest stories in which it took part, oldest first, each a tree. For operators. `404 nothing_recorded`."""
    own = list(map(dict, await sources.postgres.rows(OWN, id)))
    newest = sorted(own, key=lambda row: row["appended_at"], reverse=True)
    known = list(dict.fromkeys(row["correlation_id"] for row in newest))
    told = known[:stories]
    of_stories = list(map(dict, await sources.postgres.rows(OF_STORIES, told)))
    events = {place_of(row): row for row in (*of_stories, *own) if row["correlation_id"] in set(told)}
    subjects = {id, *(row["subject"] for row in events.values())}
    letters = await dead_letters_of(sources.postgres, subjects, told)
    if not events and not letters:
        raise NothingRecorded(f"Nothing is recorded of {id!r}.")
    ordered = sorted(events.values(), key=_order)
    rows = await rows_of(sources.postgres, ordered)
    refused = await refused_of(sources.postgres, subjects)
    in_stock = any(row["topic"] == STOCK.name for row in own)
    return {
        "id": id,
        "stock": await _levels(sources, id) if in_stock else None,
        "stories": tree(ordered, rows, letters, refused),
        "dead_letters": [one for place, ones in letters.items() if place not in events for one in ones],
        "truncated": len(known) > len(told) or len(own) >= MOST_OWN or len(of_stories) >= MOST_EVENTS,
    }


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["appended_at"], row["topic"], row["partition"], row["record_offset"]


async def _levels(sources: Sources, sku: str) -> dict[str, int] | None:
    row = await sources.postgres.row(LEVELS, sku)
    return None if row is None else dict(row)
