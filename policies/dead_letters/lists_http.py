"""Endpoints `/v1/dead-letters` of the policies that list: what is parked, in pages, and what was given up."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Query

from infra.http.principal import Operator
from infra.http.strict_query import strict_query
from policies.dead_letters.http import policies_named
from policies.dead_letters.listing import (
    BEFORE_ALL,
    DeadLetter,
    Place,
    as_key,
    count_dead_letters,
    dead_letters,
    dropped_letters,
)
from policies.policy import Policy


def lists_router(pool: asyncpg.Pool, policies: Sequence[Policy]) -> APIRouter:
    """The endpoints over these policies."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    def begin(cursor: str) -> tuple[Policy, Place]:
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
        after: Annotated[str | None, Query(pattern=r"^\w+ [\w.-]+/\d{1,9}@\d{1,18}$")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Parked records by policy and place, `limit` of them, and how many there are in all.

        `next` is what to give as `after` for those that follow; null at the end.
        """
        chosen = policies_named(policies, policy)
        first, place = (chosen[0], BEFORE_ALL) if after is None else begin(after)

        async def following() -> AsyncIterator[DeadLetter]:
            for one in chosen[chosen.index(first) if first in chosen else len(chosen) :]:
                async for letter in dead_letters(pool, one.name, as_key(key), place if one is first else BEFORE_ALL):
                    yield letter

        found: list[DeadLetter] = []
        total = sum([await count_dead_letters(pool, one.name, as_key(key)) for one in chosen])
        async for letter in following():
            found.append(letter)
            if len(found) > limit:
                break
        items = [letter.described() for letter in found[:limit]]
        return {"total": total, "items": items, "next": _cursor(found[limit - 1]) if len(found) > limit else None}

    @router.get("/dropped")
    async def list_dropped(
        operator: Operator,
        policy: str | None = None,
        key: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Records that were given up, by policy and place, the first `limit` of them: by whom, when, why."""
        chosen = policies_named(policies, policy)
        found = [gone for one in chosen for gone in await dropped_letters(pool, one.name, as_key(key))]
        return {"total": len(found), "items": [gone.described() for gone in found[:limit]]}

    return router


def _cursor(letter: DeadLetter) -> str:
    return f"{letter.policy} {letter.parked.place}"
