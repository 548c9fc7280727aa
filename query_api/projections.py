"""Endpoints `/v1/projections` and `/metrics`: where every read model stands against the end of the log."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from infra.http.principal import Operator
from infra.http.problems import Unavailable
from infra.lag import partition_lag
from infra.projection_metrics import projection_metrics
from query_api.feeds import FEEDS, Feed
from query_api.live import STREAMS
from query_api.parked import PARKED, parked_of
from query_api.positions import Standing
from query_api.sources import FromSources, Sources
from query_api.versions import VERSIONS, versions_of

router = APIRouter(prefix="/v1/projections", tags=["operations"])
metrics = APIRouter(tags=["operations"])

SHOWN = {**FEEDS, STREAMS.name: STREAMS}
"""Every read model, and what the streams publish, by name."""

Unread = tuple[str, int, int]


class PartitionLag(BaseModel):
    """One partition. `end` and both lags are null while Kafka does not answer, `lag_seconds` also where it does not
    tell in time when the first record was appended that is not applied."""

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
    wanted_version: int | None = Field(description="The newest of the projectors' code.")
    out_of_date: bool | None = Field(description="They differ: it is not filled before a rebuild or a rollback.")
    generation: int | None
    kept_generation: int | None = Field(description="The one before, to which a rollback leads.")
    kept_version: int | None
    lag_events: int | None
    lag_seconds: float | None
    parked: int | None = Field(description="The same as `parked_records`, its name of before.")
    parked_records: int | None = Field(description="Records that were set aside because they cannot be applied.")
    oldest_parked_seconds: float | None = Field(description="Age of the oldest of these; 0 when there is none.")
    void: int | None = Field(description="Records that never happened, over all partitions; none of them is applied.")
    error: str | None = None
    partitions: list[PartitionLag]


class Projections(BaseModel):
    """All read models."""

    items: list[ProjectionLag]


@router.get("", response_model=Projections)
async def list_projections(operator: Operator, sources: FromSources) -> dict[str, Any]:
    """Position and lag of every read model, and of the streams. What cannot be told, since a server is away, is null
    beside its `error`.
    """
    return {"items": await described(sources)}


@metrics.get("/metrics", response_class=PlainTextResponse)
async def projection_figures(operator: Operator, sources: FromSources) -> Response:
    """Lag of every read model and of the streams by partition, and what is parked, in the text format of Prometheus.

    What cannot be told is left out.
    """
    return projection_metrics(await described(sources))


async def described(sources: Sources) -> list[dict[str, Any]]:
    """Every read model and the streams, as `ProjectionLag` has it."""
    # At once: a server that does not answer is then waited for once, not once a read model.
    told, ends, versions, parked = await asyncio.gather(
        asyncio.gather(*(_standing(sources, feed) for feed in SHOWN.values())),
        _ends(sources),
        versions_of(sources.postgres),
        parked_of(sources),
    )
    standings = dict(zip(SHOWN, told, strict=True))
    unread = [place for name, standing in standings.items() for place in _unread(SHOWN[name], standing, ends)]
    times = await sources.log.appended_ms(unread) if unread else {}
    items = [_described(SHOWN[name], standing, ends, times) for name, standing in standings.items()]
    return [{**item, **versions.get(item["name"], {}), **parked.get(item["name"], {})} for item in items]


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
    nothing = dict.fromkeys((*VERSIONS, *PARKED, "generation", "void"))
    told: dict[str, Any] = {**feed._asdict(), **nothing, "partitions": []}
    if isinstance(standing, str):
        return {**told, "lag_events": None, "lag_seconds": None, "error": standing}
    partitions: list[dict[str, Any]] = []
    for number, position in sorted(standing.partitions.items()):
        end = None if ends is None else ends.get((feed.topic, number), position.next_offset)
        appended = times.get((feed.topic, number, position.next_offset))
        since = None if appended is None else appended / 1000
        partitions.append(partition_lag(number, position.next_offset, end, since, position.void))
    ages = [one["lag_seconds"] for one in partitions if one["lag_seconds"] is not None]
    return {
        **told,
        "generation": standing.generation,
        "lag_events": sum(one["lag_events"] for one in partitions) if ends is not None else None,
        "lag_seconds": max(ages, default=0.0) if len(ages) == len(partitions) and ends is not None else None,
        "void": sum(one["void"] for one in partitions),
        "partitions": partitions,
    }
