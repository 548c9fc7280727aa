"""Endpoints of the projectors that give parked records up, and tell what was given up."""

from collections.abc import Sequence
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, StringConstraints
from redis.asyncio import Redis

from infra.http.principal import Operator
from infra.http.problems import DependencyUnavailable
from infra.http.strict_query import strict_query
from infra.settings import Settings
from projectors.dead_letters.drop import NothingParked, NotVoided, drop
from projectors.dead_letters.http import NotParked, Number, Offset, answering, projection_named
from projectors.dead_letters.listing import dropped_letters
from projectors.dead_letters.voids_known import VoidsUnknown
from projectors.projection import Projection


class DropRequest(BaseModel):
    """Why a record is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    ]


def drops_router(settings: Settings, pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> APIRouter:
    """The endpoints over these projections."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    @router.get("/dropped")
    async def list_dropped(
        operator: Operator,
        projection: str | None = None,
        key: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Records that were given up, by projection and place, the first `limit` of them: by whom, when, why."""
        chosen = projections if projection is None else [projection_named(projections, projection)]
        async with answering():
            found = [letter for one in chosen for letter in await dropped_letters(pool, one, key)]
        return {"total": len(found), "items": [letter.described() for letter in found[:limit]]}

    @router.post("/{projection}/{topic}/{partition}/{offset}/drop")
    async def drop_dead_letter(
        operator: Operator, projection: str, topic: str, partition: Number, offset: Offset, wanted: DropRequest
    ) -> dict[str, Any]:
        """Give a parked record up for good, by an event that every rebuild knows; its key goes on. A repeat changes
        nothing. `effect` is `dropped`, `already_dropped`, `rebuild_needed` where it goes with the rebuild that is
        needed, or `applied_meanwhile` where a retry was faster and the next rebuild leaves it out.
        """
        one = projection_named(projections, projection)
        if topic != one.topic:
            raise NotParked(f"{projection} reads {one.topic}, not {topic}.")
        try:
            async with answering():
                effect, void = await drop(settings, pool, redis, one, (partition, offset), wanted.reason)
        except NothingParked as error:
            raise NotParked(str(error)) from error
        except (NotVoided, VoidsUnknown) as error:
            raise DependencyUnavailable(str(error)) from error
        return {"effect": effect, "reason": void.reason, "actor": void.actor, "at": void.at.isoformat()}

    return router
