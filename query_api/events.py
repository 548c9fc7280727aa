"""Endpoint of the read models `audit_*`: the events themselves, of one aggregate, one type, one story, or all."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from asyncpg import Record
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from event_schemas.topics import TOPICS
from event_schemas.type_prefix import UnknownTypePrefix, types_beginning
from infra.http.principal import Operator
from infra.http.problems import ValidationFailed
from query_api.cursor import read_cursor, write_cursor
from query_api.events_sql import page
from query_api.feeds import FEEDS, audit_of
from query_api.paging import Limit
from query_api.refusals import BadCursor
from query_api.sources import FromSources, Sources, applied

AUDITS = tuple(audit_of(topic.name) for topic in TOPICS)
_TOPICS = frozenset(topic.name for topic in TOPICS)

router = APIRouter(prefix="/v1/events", tags=["audit"], dependencies=[Depends(applied(*AUDITS))])

Wanted = Annotated[str | None, Query(min_length=1, max_length=200)]
Next = dict[tuple[str, int], int]
"""The next offset by topic and partition."""


class RecordedEvent(BaseModel):
    """An event as it lies in the log: where, what, of whom, why, and its data in the version that was written."""

    topic: str
    partition: int
    offset: int
    id: str
    type: str
    subject: str
    version: int = Field(description="Of the aggregate after it.")
    correlation_id: str = Field(description="The whole story.")
    causation_id: str = Field(description="Id of the event that led to the command, or of the command itself.")
    command_id: str
    actor: str
    at: datetime = Field(description="Business time.")
    appended_at: datetime
    data: dict[str, Any]


class EventPage(BaseModel):
    """A page of events, oldest first. `next_after` goes on behind it, also when there is nothing more yet."""

    items: list[RecordedEvent]
    next_after: str


@router.get("", response_model=EventPage)
async def list_events(
    operator: Operator,
    sources: FromSources,
    subject: Annotated[Wanted, Query(description="Of one aggregate: the id of a product or order, or a SKU.")] = None,
    type: Annotated[Wanted, Query(description="Types that begin so, as `order.` or `stock.reserved`.")] = None,  # noqa: A002 (the name of the parameter)
    correlation: Annotated[Wanted, Query(description="Of one story.")] = None,
    after: Annotated[
        str | None, Query(min_length=1, max_length=20_000, description="`next_after` of the page before, as it is.")
    ] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Events that count, oldest first by the time of their append, those of a partition in the log's order. Operators.

    `after` holds a place in every partition, so who goes on from page to page misses nothing that is appended
    meanwhile, and sees nothing twice. What the audit has parked shows once it is retried, at its place in the log:
    who is past that place does not see it. `400 bad_cursor` for an `after` of another query,
    `422 validation_failed` for a type that there is not.
    """
    named = ("events", subject, type, correlation)
    place = await _start(sources)
    if after is not None:
        place |= _read(named, after)
    filters: dict[str, Any] = {}
    if subject is not None:
        filters["subject ="] = subject
    if type is not None:
        filters["type = ANY"] = _types(type)
    if correlation is not None:
        filters["correlation_id ="] = correlation
    topics, numbers = zip(*place, strict=True) if place else ((), ())
    rows = await sources.postgres.rows(
        page(filters), list(topics), list(numbers), list(place.values()), limit, *filters.values()
    )
    for row in rows:
        place[row["topic"], row["partition"]] = row["record_offset"] + 1
    return {"items": [recorded_event(row) for row in rows], "next_after": _write(named, place)}


def recorded_event(row: Record) -> dict[str, Any]:
    """A row of the audit with its topic, as `RecordedEvent` has it."""
    shown = {**dict(row), "offset": row["record_offset"], "id": row["event_id"], "version": row["sequence"]}
    return {**shown, "data": orjson.loads(row["value"])}


async def _start(sources: Sources) -> Next:
    standings = [(FEEDS[name].topic, await sources.positions.of(FEEDS[name])) for name in AUDITS]
    return {(topic, number): 0 for topic, standing in standings for number in sorted(standing.partitions)}


def _types(prefix: str) -> list[str]:
    try:
        return types_beginning(prefix)
    except UnknownTypePrefix as error:
        raise ValidationFailed(str(error), errors=[{"pointer": "query/type", "detail": str(error)}]) from error


def _write(named: tuple[object, ...], place: Next) -> str:
    nested: dict[str, dict[str, int]] = {}
    for (topic, number), offset in place.items():
        if offset:
            nested.setdefault(topic, {})[str(number)] = offset
    return write_cursor(named, (orjson.dumps(nested).decode(),))


def _read(named: tuple[object, ...], after: str) -> Next:
    (text,) = read_cursor(named, after, (str,))
    try:
        nested: dict[str, dict[str, int]] = orjson.loads(text)
        place = {(topic, int(n)): int(offset) for topic, parts in nested.items() for n, offset in parts.items()}
    except (ValueError, OverflowError, AttributeError, TypeError) as error:
        raise BadCursor("It does not say where to go on.") from error
    if not all(
        topic in _TOPICS and 0 <= number < 2**31 and 0 <= offset < 2**63 for (topic, number), offset in place.items()
    ):
        raise BadCursor("It names no place in the log.")
    return place
