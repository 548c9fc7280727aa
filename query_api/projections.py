"""Endpoint `/v1/projections`: where every read model stands against the end of the log, in events and in seconds."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, Field

from infra.http.principal import Operator
from infra.http.problems import Unavailable
from query_api.feeds import FEEDS, Feed
from query_api.positions import Standing
from query_api.sources import FromSources, Sources

log = structlog.get_logger()

router = APIRouter(prefix="/v1/projections", tags=["operations"])

KNOWN = """
SELECT p.name, p.version,
       (to_jsonb(p)->>'wanted_version')::int AS wanted_version,
       (to_jsonb(p)->>'kept_generation')::int AS kept_generation,
       (to_jsonb(p)->>'kept_version')::int AS kept_version,
       (SELECT count(*) FROM stockroom.parked k
        WHERE k.projection = p.name AND k.generation = p.active_generation) AS parked
FROM stockroom.projections p
"""
"""By `to_jsonb` newer columns may be missing: queries are answered before projectors of this release have started."""

Unread = tuple[str, int, int]


class PartitionLag(BaseModel):
    """One partition. `end` and both lags are null while Kafka does not answer."""

    partition: int
    next_offset: int
    end: int | None
    lag_events: int | None
    lag_seconds: float | None = Field(description="Age of the first record that is not applied; 0 when there is none.")
    void: int = Field(description="Records that never happened: their writer had lost the partition.")


class ProjectionLag(BaseModel):
    """One read model: its version and generation, its lag over all partitions, and each partition."""

    name: str
    store: str
    topic: str
    version: int | None = Field(description="Of the code that made what is served.")
    wanted_version: int | None = Field(description="Of the projectors' code, as it started last.")
    out_of_date: bool | None = Field(description="They differ: it is not filled before a rebuild or a rollback.")
    generation: int | None
    kept_generation: int | None = Field(description="The one before, to which a rollback leads.")
    kept_version: int | None
    lag_events: int | None
    lag_seconds: float | None
    parked: int | None = Field(description="Records that were set aside because they cannot be applied.")
    void: int | None = Field(description="Records that never happened, over all partitions; none of them is applied.")
    error: str | None = None
    partitions: list[PartitionLag]


class Projections(BaseModel):
    """All read models."""

    items: list[ProjectionLag]


@router.get("", response_model=Projections)
async def list_projections(operator: Operator, sources: FromSources) -> dict[str, Any]:
    """Position and lag of every read model. What cannot be told, since a server is away, is null beside its `error`."""
    # At once: a server that does not answer is then waited for once, not once a read model.
    told, ends, known = await asyncio.gather(
        asyncio.gather(*(_standing(sources, feed) for feed in FEEDS.values())), _ends(sources), _known(sources)
    )
    standings = dict(zip(FEEDS, told, strict=True))
    unread = [place for name, standing in standings.items() for place in _unread(FEEDS[name], standing, ends)]
    times = await sources.log.appended_ms(unread) if unread else {}
    items = [_described(FEEDS[name], standing, ends, times) for name, standing in standings.items()]
    return {"items": [{**item, **known.get(item["name"], {})} for item in items]}


async def _standing(sources: Sources, feed: Feed) -> Standing | str:
    """Where a read model stands, or why that cannot be told."""
    try:
        return await sources.positions.of(feed)
    except Unavailable as error:
        return f"{error.code}: {error.detail}"


async def _ends(sources: Sources) -> Mapping[tuple[str, int], int] | None:
    """The ends of all partitions; None while Kafka does not answer."""
    try:
        return await sources.log.ends()
    except Unavailable:
        return None


async def _known(sources: Sources) -> dict[str, dict[str, Any]]:
    """Versions, what is kept, and number of parked records by read model; without those whose store does not answer."""
    known: dict[str, dict[str, Any]] = {}
    try:
        for row in await sources.postgres.rows(KNOWN):
            told = dict(row)
            told["out_of_date"] = told["wanted_version"] not in (None, told["version"])
            known[told.pop("name")] = told
        for feed in FEEDS.values():
            if feed.store == "redis" and feed.name in known:
                known[feed.name]["parked"] = await sources.redis.parked(await sources.redis.prefix(feed.name))
    except Unavailable as away:
        log.warning("projections_partly_unknown", code=away.code, detail=away.detail)
    return known


def _unread(feed: Feed, standing: Standing | str, ends: Mapping[tuple[str, int], int] | None) -> list[Unread]:
    """The first unread record of each partition that has one."""
    if isinstance(standing, str) or ends is None:
        return []
    return [
        (feed.topic, number, position.next_offset)
        for number, position in standing.partitions.items()
        if ends.get((feed.topic, number), 0) > position.next_offset
    ]


def _described(
    feed: Feed, standing: Standing | str, ends: Mapping[tuple[str, int], int] | None, times: Mapping[Unread, int]
) -> dict[str, Any]:
    versions = "version", "wanted_version", "out_of_date", "kept_generation", "kept_version"
    nothing = dict.fromkeys((*versions, "generation", "parked", "void"))
    told: dict[str, Any] = {**feed._asdict(), **nothing, "partitions": []}
    if isinstance(standing, str):
        return {**told, "lag_events": None, "lag_seconds": None, "error": standing}
    now = time.time()
    partitions: list[dict[str, Any]] = []
    for number, position in sorted(standing.partitions.items()):
        end = None if ends is None else ends.get((feed.topic, number), position.next_offset)
        lag = None if end is None else max(0, end - position.next_offset)
        # The last applied record is older than the first unread one: a bound where that could not be read in time.
        since = times.get((feed.topic, number, position.next_offset), position.appended_ms) / 1000
        seconds = None if lag is None else (round(max(0.0, now - since), 3) if lag else 0.0)
        partitions.append(
            {
                "partition": number,
                "next_offset": position.next_offset,
                "end": end,
                "lag_events": lag,
                "lag_seconds": seconds,
                "void": position.void,
            }
        )
    known = ends is not None
    return {
        **told,
        "generation": standing.generation,
        "lag_events": sum(one["lag_events"] for one in partitions) if known else None,
        "lag_seconds": max((one["lag_seconds"] for one in partitions), default=0.0) if known else None,
        "void": sum(one["void"] for one in partitions),
        "partitions": partitions,
    }
