"""Endpoints `/v1/dead-letters` of the projectors: what is parked, and its retry by the code that runs here."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.http.dead_letters import Limit, NotParked, Number, Offset, RetryKey, page
from infra.http.principal import Operator
from infra.http.problems import Conflict, DependencyUnavailable, NotFound
from infra.http.strict_query import strict_query
from projectors.dead_letters.listing import DeadLetter, count_dead_letters, dead_letter, dead_letters
from projectors.dead_letters.redrive import retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.projection import Projection
from projectors.stores.sorting import Decoder
from projectors.stores.store import BEFORE_ALL, NotCommitted, Place, RebuildNeeded, StoreDamaged

After = Annotated[str | None, Query(pattern=r"^\w+ \d{1,9}@\d{1,18}$")]
"""Behind which letter a page begins."""


class ProjectionUnknown(NotFound):
    """No projection has this name."""

    code, title = "projection_not_found", "There is no such projection"


class RetryRefused(Conflict):
    """The projection takes no events as it stands; `detail` says why, and what helps."""

    code, title = "cannot_retry", "The parked records cannot be retried"


class RetryRequest(BaseModel):
    """What to retry: the parked records of one key, or of every key."""

    model_config = ConfigDict(extra="forbid")

    projection: str = Field(description="Name of the projection that parked them.")
    key: RetryKey


class Retried(BaseModel):
    """What a retry did, in records."""

    applied: int
    failed: int = Field(description="Could not be applied again; each is the first of its key.")
    waiting: int = Field(description="Were not tried, since they wait behind one that failed.")
    dropped: int = Field(description="Were given up, and are parked no more.")


def dead_letters_router(pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> APIRouter:
    """The endpoints over these projections."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    async def at(projection: Projection, topic: str, partition: int, offset: int) -> DeadLetter:
        async with answering():
            letter = await dead_letter(pool, redis, projection, (partition, offset))
        if letter is None or topic != projection.topic:
            raise NotParked(f"Nothing is parked at {topic}/{partition}@{offset}.")
        return letter

    @router.get("")
    async def list_dead_letters(
        operator: Operator,
        projection: str | None = None,
        key: str | None = None,
        after: After = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Parked records by projection and place, `limit` of them, and how many there are in all.

        `next` is what to give as `after` for those that follow; null at the end.
        """
        async with answering():
            return await page(
                projections_named(projections, projection),
                begin(projections, after),
                limit,
                lambda one: count_dead_letters(pool, redis, one, key),
                lambda one, place: dead_letters(pool, redis, one, key, place or BEFORE_ALL),
            )

    @router.get("/{projection}/{topic}/{partition}/{offset}")
    async def show_dead_letter(
        operator: Operator, projection: str, topic: str, partition: Number, offset: Offset
    ) -> dict[str, Any]:
        """One parked record with its headers and value as text."""
        (one,) = projections_named(projections, projection)
        return (await at(one, topic, partition, offset)).whole()

    @router.post("/retry", response_model=Retried)
    async def retry_dead_letters(operator: Operator, wanted: RetryRequest) -> Retried:
        """Apply parked records, each key in its order until one fails again. It may be repeated at any time."""
        (one,) = projections_named(projections, wanted.projection)
        redrive = redrive_of(pool, redis, one, Decoder(0), str(operator))
        async with answering():
            done = await retry(redrive, wanted.key)
        return Retried(applied=done.done, failed=done.failed, waiting=done.waiting, dropped=done.dropped)

    return router


def projections_named(projections: Sequence[Projection], name: str | None) -> list[Projection]:
    """The one of this name, or all for None. Raises ``ProjectionUnknown``."""
    found = [projection for projection in projections if name in (None, projection.name)]
    if not found:
        raise ProjectionUnknown(f"Known are {', '.join(one.name for one in projections)}.")
    return found


def begin(projections: Sequence[Projection], cursor: str | None) -> tuple[Projection, Place] | None:
    """Behind which place of which projection a page begins, None for at the beginning. Raises ``ProjectionUnknown``."""
    if cursor is None:
        return None
    name, _, place = cursor.partition(" ")
    partition, _, offset = place.partition("@")
    (projection,) = projections_named(projections, name)
    return projection, (int(partition), int(offset))


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """What stores cannot do becomes a problem."""
    try:
        yield
    except (RebuildNeeded, StoreDamaged, NotCommitted) as error:
        raise RetryRefused(str(error)) from error
    except RedisError as error:
        raise DependencyUnavailable("Redis does not answer.") from error
