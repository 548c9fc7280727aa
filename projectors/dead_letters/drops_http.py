"""Endpoints of the projectors that give parked records up, and tell what was given up."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from fastapi import APIRouter, Depends
from redis.asyncio import Redis

from infra.http.dead_letters import DropRequest, Limit, NotParked, Number, Offset, page
from infra.http.principal import Operator
from infra.http.problems import DependencyUnavailable
from infra.http.strict_query import strict_query
from infra.settings import Settings
from projectors.dead_letters.drop import NothingParked, NotVoided, drop
from projectors.dead_letters.http import After, answering, begin, projections_named
from projectors.dead_letters.listing import count_dropped_letters, dropped_letters
from projectors.dead_letters.voids_known import VoidsUnknown
from projectors.projection import Projection
from projectors.stores.store import BEFORE_ALL


def drops_router(settings: Settings, pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> APIRouter:
    """The endpoints over these projections."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    @router.get("/dropped")
    async def list_dropped(
        operator: Operator,
        projection: str | None = None,
        key: str | None = None,
        after: After = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Records that were given up, by projection and place, `limit` of them, and how many in all: who, when, why.

        `next` is what to give as `after` for those that follow; null at the end.
        """
        async with answering():
            return await page(
                projections_named(projections, projection),
                begin(projections, after),
                limit,
                lambda one: count_dropped_letters(pool, one, key),
                lambda one, place: dropped_letters(pool, one, key, place or BEFORE_ALL),
            )

    @router.post("/{projection}/{topic}/{partition}/{offset}/drop")
    async def drop_dead_letter(
        operator: Operator, projection: str, topic: str, partition: Number, offset: Offset, wanted: DropRequest
    ) -> dict[str, Any]:
        """Give a parked record up for good, by an event that every rebuild knows; its key goes on. A repeat changes
        nothing. `effect` is `dropped`, `already_dropped`, `rebuild_needed` where it goes with the rebuild that is
        needed, or `applied_meanwhile` where a retry was faster and the next rebuild leaves it out.
        """
        (one,) = projections_named(projections, projection)
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
