"""Endpoint that explains an order, a product or a SKU: its stories from command to events, rows and dead letters."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from event_schemas.topics import TOPICS
from infra.http.principal import Operator
from infra.http.problem_schema import problem_responses
from query_api.events_sql import COLUMNS
from query_api.feeds import FEEDS
from query_api.order_number import order_numbered
from query_api.refusals import NothingRecorded
from query_api.sources import FromSources, applied
from query_api.why_answers import Why
from query_api.why_dead_letters import dead_letters_of, refused_of
from query_api.why_rows import rows_of
from query_api.why_stock import levels_of
from query_api.why_tree import place_of, tree

router = APIRouter(prefix="/v1/why", tags=["audit"], dependencies=[Depends(applied(*FEEDS))])

MOST_EVENTS = 500
MOST_OWN = 200
_PARTS = "\nUNION ALL ".join(f"(SELECT '{one.name}' AS topic, {COLUMNS} FROM audit.{one.name} {{0}})" for one in TOPICS)
OWN = _PARTS.format(f"WHERE subject = $1 ORDER BY partition DESC, record_offset DESC LIMIT {MOST_OWN}")
OF_STORIES = _PARTS.format(f"WHERE correlation_id = ANY($1::text[]) ORDER BY appended_at LIMIT {MOST_EVENTS}")


@router.get("/{id:path}", response_model=Why, responses=problem_responses(409))
async def explain(
    operator: Operator,
    sources: FromSources,
    id: Annotated[  # noqa: A002 (the name in the path)
        str, Path(min_length=1, description="Id of an order or product, a SKU, or the number of an order.")
    ],
    stories: Annotated[int, Query(ge=1, le=100, description="Of how many of its newest stories to tell.")] = 20,
) -> dict[str, Any]:
    """The newest stories in which it took part, oldest first, each a tree. For operators. `404 nothing_recorded`, `409
    order_number_shared` where imports have brought several orders with the number."""
    postgres = sources.postgres
    own = list(map(dict, await postgres.rows(OWN, id)))
    if not own and (numbered := await order_numbered(postgres, id)) is not None:
        id = numbered  # noqa: A001 (the name in the path)
        own = list(map(dict, await postgres.rows(OWN, id)))
    newest = sorted(own, key=lambda row: row["appended_at"], reverse=True)
    known = list(dict.fromkeys(row["correlation_id"] for row in newest))
    told = known[:stories]
    of_stories = list(map(dict, await postgres.rows(OF_STORIES, told)))
    events = {place_of(row): row for row in (*of_stories, *own) if row["correlation_id"] in set(told)}
    subjects = {id, *(row["subject"] for row in events.values())}
    letters = await dead_letters_of(sources, subjects, told, events)
    if not events and not letters.by_place:
        raise NothingRecorded(f"Nothing is recorded of {id!r}.")
    ordered = sorted(events.values(), key=_order)
    unsold = {place for place, ones in letters.by_place.items() if any(one["reader"] == "sales" for one in ones)}
    rows = await rows_of(postgres, ordered, unsold)
    refused, more_refused = await refused_of(postgres, subjects)
    stock, disagreements = await levels_of(postgres, id)
    return {
        "id": id,
        "stock": stock,
        "disagreements": disagreements,
        "untold": letters.untold,
        "stories": tree(ordered, rows, letters.by_place, refused),
        "dead_letters": [one for place, ones in letters.by_place.items() if place not in events for one in ones],
        "truncated": (
            len(known) > len(told)
            or len(own) >= MOST_OWN
            or len(of_stories) >= MOST_EVENTS
            or letters.truncated
            or more_refused
        ),
    }


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["appended_at"], row["topic"], row["partition"], row["record_offset"]
