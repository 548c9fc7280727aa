"""Endpoints `/v1/dead-letters` of the projectors: what is parked, and its retry by the code that runs here."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.http.principal import Operator
from infra.http.problems import Conflict, DependencyUnavailable, NotFound
from infra.http.strict_query import strict_query
from projectors.dead_letters.listing import DeadLetter, count_dead_letters, dead_letter, dead_letters
from projectors.dead_letters.redrive import retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.projection import Projection
from projectors.stores.sorting import Decoder
from projectors.stores.store import BEFORE_ALL, NotCommitted, Place, RebuildNeeded, StoreDamaged

Number = Annotated[int, Path(ge=0, lt=2**31)]
Offset = Annotated[int, Path(ge=0, lt=2**63)]


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
    dropped: int = Field(description="Were given up, and are parked no more.")


def dead_letters_router(pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> APIRouter:
    """The endpoints over these projections."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    def named(name: str) -> Projection:
        return projection_named(projections, name)

    def begin(cursor: str) -> tuple[Projection, Place]:
        name, _, place = cursor.partition(" ")
        partition, _, offset = place.partition("@")
        return named(name), (int(partition), int(offset))

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
        after: Annotated[str | None, Query(pattern=r"^\w+ \d{1,9}@\d{1,18}$")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Parked records by projection and place, `limit` of them, and how many there are in all.

        `next` is what to give as `after` for those that follow; null at the end.
        """
        chosen = list(projections) if projection is None else [named(projection)]
        first, place = (chosen[0], BEFORE_ALL) if after is None else begin(after)

        async def following() -> AsyncIterator[DeadLetter]:
            for one in chosen[chosen.index(first) if first in chosen else len(chosen) :]:
                async for letter in dead_letters(pool, redis, one, key, place if one is first else BEFORE_ALL):
                    yield letter

        found: list[DeadLetter] = []
        async with answering():
            total = sum([await count_dead_letters(pool, redis, one, key) for one in chosen])
            async for letter in following():
                found.append(letter)
                if len(found) > limit:
                    break
        items = [letter.described() for letter in found[:limit]]
        return {"total": total, "items": items, "next": _cursor(found[limit - 1]) if len(found) > limit else None}

    @router.get("/{projection}/{topic}/{partition}/{offset}")
    async def show_dead_letter(
        operator: Operator, projection: str, topic: str, partition: Number, offset: Offset
    ) -> dict[str, Any]:
        """One parked record with its headers and value as text."""
        return (await at(named(projection), topic, partition, offset)).whole()

    @router.post("/retry", response_model=Retried)
    async def retry_dead_letters(operator: Operator, wanted: RetryRequest) -> Retried:
        """Apply parked records, each key in its order until one fails again. It may be repeated at any time."""
        redrive = redrive_of(pool, redis, named(wanted.projection), Decoder(0), str(operator))
        async with answering():
            done = await retry(redrive, wanted.key)
        return Retried(applied=done.done, failed=done.failed, waiting=done.waiting, dropped=done.dropped)

    return router


def _cursor(letter: DeadLetter) -> str:
    record = letter.parked.record
    return f"{letter.projection} {record.partition}@{record.offset}"


def projection_named(projections: Sequence[Projection], name: str) -> Projection:
    """The one of this name. Raises ``ProjectionUnknown``."""
    for projection in projections:
        if projection.name == name:
            return projection
    raise ProjectionUnknown(f"Known are {', '.join(one.name for one in projections)}.")


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """What stores cannot do becomes a problem."""
    try:
        yield
    except (RebuildNeeded, StoreDamaged, NotCommitted) as error:
        raise RetryRefused(str(error)) from error
    except RedisError as error:
        raise DependencyUnavailable("Redis does not answer.") from error
