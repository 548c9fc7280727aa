"""Endpoints `/v1/dead-letters` of the projectors: what is parked, and its retry by the code that runs here."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.http.principal import Operator
from infra.http.problems import Conflict, DependencyUnavailable, NotFound
from infra.http.strict_query import strict_query
from projectors.dead_letter_list import dead_letters
from projectors.engine import redrive_of
from projectors.projection import Projection
from projectors.redrive import CannotRetry, retry
from projectors.sorting import Decoder
from projectors.store import NotCommitted, RebuildNeeded, StoreDamaged


class ProjectionUnknown(NotFound):
    """No projection has this name."""

    code, title = "projection_not_found", "There is no such projection"


class NotParked(NotFound):
    """Nothing is parked at this place, or no more."""

    code, title = "dead_letter_not_found", "Nothing is parked there"


class RetryRefused(Conflict):
    """The projection takes no events as it stands; `detail` says why, and what helps."""

    code, title = "cannot_retry", "The parked records cannot be retried"


class RetryRequest(BaseModel):
    """What to retry: the parked records of one key, or of every key."""

    model_config = ConfigDict(extra="forbid")

    projection: str = Field(description="Name of the projection that parked them.")
    key: str | None = Field(pattern=r"^[^\x00]*$", description="Key of the records, or null for every key.")


class Retried(BaseModel):
    """What a retry did, in records."""

    applied: int
    failed: int = Field(description="Could not be applied again; each is the first of its key.")
    waiting: int = Field(description="Were not tried, since they wait behind one that failed.")


def dead_letters_router(pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> APIRouter:
    """The endpoints over these projections."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    def named(name: str) -> Projection:
        for projection in projections:
            if projection.name == name:
                return projection
        raise ProjectionUnknown(f"Known are {', '.join(one.name for one in projections)}.")

    @router.get("")
    async def list_dead_letters(
        operator: Operator,
        projection: str | None = None,
        key: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Parked records by projection and place, the first `limit` of them, and how many there are in all."""
        chosen = projections if projection is None else [named(projection)]
        async with _answering():
            found = [one for one in await dead_letters(pool, redis, chosen) if key in (None, one.parked.key)]
        return {"total": len(found), "items": [one.described() for one in found[:limit]]}

    @router.get("/{projection}/{topic}/{partition}/{offset}")
    async def show_dead_letter(
        operator: Operator, projection: str, topic: str, partition: int, offset: int
    ) -> dict[str, Any]:
        """One parked record with its headers and value as text."""
        place = f"{topic}/{partition}@{offset}"
        async with _answering():
            found = await dead_letters(pool, redis, [named(projection)])
        for one in found:
            if one.parked.place == place:
                return one.whole()
        raise NotParked(f"Nothing is parked at {place}.")

    @router.post("/retry", response_model=Retried)
    async def retry_dead_letters(operator: Operator, wanted: RetryRequest) -> Retried:
        """Apply parked records, each key in its order until one fails again. It may be repeated at any time."""
        redrive = redrive_of(pool, redis, named(wanted.projection), Decoder(0), str(operator))
        async with _answering():
            done = await retry(redrive, wanted.key)
        return Retried(applied=done.done, failed=done.failed, waiting=done.waiting)

    return router


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except (CannotRetry, RebuildNeeded, StoreDamaged, NotCommitted) as error:
        raise RetryRefused(str(error)) from error
    except RedisError as error:
        raise DependencyUnavailable("Redis does not answer.") from error
