"""Endpoints `/v1/dead-letters` of the policies: what is parked, its retry by the code that runs here, and its drop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from infra.http.principal import Operator
from infra.http.problems import DependencyUnavailable, NotFound
from infra.http.strict_query import strict_query
from policies.dead_letters.drop import NothingParked, drop
from policies.dead_letters.listing import (
    as_key,
    count_dead_letters,
    dead_letter,
    dead_letters,
    dropped_letters,
)
from policies.dead_letters.redrive import NotCarriedOut, Redrive, Redriven
from policies.policy import Policy

Number = Annotated[int, Path(ge=0, lt=2**31)]
Offset = Annotated[int, Path(ge=0, lt=2**63)]


class PolicyUnknown(NotFound):
    """No policy has this name."""

    code, title = "policy_not_found", "There is no such policy"


class NotParked(NotFound):
    """Nothing is parked at this place, or no more."""

    code, title = "dead_letter_not_found", "Nothing is parked there"


class RetryRequest(BaseModel):
    """What to retry: the parked records of one key, or of every key."""

    model_config = ConfigDict(extra="forbid")

    policy: str = Field(description="Name of the policy that parked them.")
    key: str | None = Field(description="Key of the records, or null for every key.")


class DropRequest(BaseModel):
    """Why a record is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    ]


def dead_letters_router(redrive: Redrive, policies: Sequence[Policy]) -> APIRouter:
    """The endpoints over these policies."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    def chosen_by(name: str | None) -> list[Policy]:
        found = [policy for policy in policies if name in (None, policy.name)]
        if not found:
            raise PolicyUnknown(f"Known are {', '.join(policy.name for policy in policies)}.")
        return found

    @router.get("")
    async def list_dead_letters(
        operator: Operator,
        policy: str | None = None,
        key: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Parked records by policy and place, the first `limit` of them, and how many there are in all."""
        items: list[dict[str, Any]] = []
        total = 0
        for one in chosen_by(policy):
            total += await count_dead_letters(redrive.pool, one.name, as_key(key))
            async for letter in dead_letters(redrive.pool, one.name, as_key(key)):
                if len(items) == limit:
                    break
                items.append(letter.described())
        return {"total": total, "items": items}

    @router.get("/dropped")
    async def list_dropped(
        operator: Operator,
        policy: str | None = None,
        key: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """Records that were given up, by policy and place, the first `limit` of them: by whom, when, why."""
        chosen = chosen_by(policy)
        found = [gone for one in chosen for gone in await dropped_letters(redrive.pool, one.name, as_key(key))]
        return {"total": len(found), "items": [gone.described() for gone in found[:limit]]}

    @router.get("/{policy}/{topic}/{partition}/{offset}")
    async def show_dead_letter(
        operator: Operator, policy: str, topic: str, partition: Number, offset: Offset
    ) -> dict[str, Any]:
        """One parked record with its headers and value as text."""
        (one,) = chosen_by(policy)
        letter = await dead_letter(redrive.pool, one.name, (topic, partition, offset))
        if letter is None:
            raise NotParked(f"Nothing is parked at {topic}/{partition}@{offset}.")
        return letter.whole()

    @router.post("/retry")
    async def retry_dead_letters(operator: Operator, wanted: RetryRequest) -> dict[str, int]:
        """Carry out what follows from parked records, each key in its order until one fails again. Counts them:
        `carried_out`, `failed`, `waiting` behind those, and commands that were `refused`. It may be repeated.
        """
        (one,) = chosen_by(wanted.policy)
        async with _answering():
            return _counted(await redrive.by(operator).retry(one, as_key(wanted.key)))

    @router.post("/{policy}/{topic}/{partition}/{offset}/drop")
    async def drop_dead_letter(
        operator: Operator, policy: str, topic: str, partition: Number, offset: Offset, wanted: DropRequest
    ) -> dict[str, Any]:
        """Give a parked record up for good; those behind it are retried, and counted in `behind`. A repeat gives
        nothing more up, and tells the reason that counts.
        """
        (one,) = chosen_by(policy)
        async with _answering():
            gone = await drop(redrive.by(operator), one, topic, partition, offset, wanted.reason)
        told = {"already": gone.already, "reason": gone.reason, "actor": gone.actor, "at": gone.at.isoformat()}
        return {**told, "behind": _counted(gone.behind)}

    return router


def _counted(redriven: Redriven) -> dict[str, int]:
    done, failed, waiting, refused = redriven
    return {"carried_out": done, "failed": failed, "waiting": waiting, "refused": refused}


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except NothingParked as error:
        raise NotParked(str(error)) from error
    except NotCarriedOut as error:
        raise DependencyUnavailable(str(error)) from error
