"""Endpoints `/v1/dead-letters` of the policies that list, in pages: what is parked, and what was given up."""

from collections.abc import Sequence
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Query

from infra.http.dead_letters import Limit, page
from infra.http.principal import Operator
from infra.http.strict_query import strict_query
from policies.dead_letters.http import policies_named
from policies.dead_letters.listing import (
    BEFORE_ALL,
    Place,
    as_key,
    count_dead_letters,
    count_dropped_letters,
    dead_letters,
    dropped_letters,
)
from policies.policy import Policy

After = Annotated[str | None, Query(pattern=r"^\w+ [\w.-]+/\d{1,9}@\d{1,18}$")]


def lists_router(pool: asyncpg.Pool, policies: Sequence[Policy]) -> APIRouter:
    """The endpoints over these policies."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    def begin(cursor: str | None) -> tuple[Policy, Place] | None:
        if cursor is None:
            return None
        name, _, place = cursor.partition(" ")
        topic, _, at = place.partition("/")
        partition, _, offset = at.partition("@")
        (policy,) = policies_named(policies, name)
        return policy, (topic, int(partition), int(offset))

    @router.get("")
    async def list_dead_letters(
        operator: Operator,
        policy: str | None = None,
        key: str | None = None,
        after: After = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Parked records by policy and place, `limit` of them, and how many there are in all.

        `next` is what to give as `after` for those that follow; null at the end.
        """
        return await page(
            policies_named(policies, policy),
            begin(after),
            limit,
            lambda one: count_dead_letters(pool, one.name, as_key(key)),
            lambda one, place: dead_letters(pool, one.name, as_key(key), place or BEFORE_ALL),
        )

    @router.get("/dropped")
    async def list_dropped(
        operator: Operator,
        policy: str | None = None,
        key: str | None = None,
        after: After = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Records that were given up, by policy and place, `limit` of them, and how many in all: who, when, why.

        `next` is what to give as `after` for those that follow; null at the end.
        """
        return await page(
            policies_named(policies, policy),
            begin(after),
            limit,
            lambda one: count_dropped_letters(pool, one.name, as_key(key)),
            lambda one, place: dropped_letters(pool, one.name, as_key(key), place or BEFORE_ALL),
        )

    return router
