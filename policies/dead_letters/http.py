"""Endpoints `/v1/dead-letters` of the policies: a parked record, its retry by the code that runs here, and its drop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from infra.http.dead_letters import DropRequest, NotParked, Number, Offset, RetryKey
from infra.http.principal import Operator
from infra.http.problems import DependencyUnavailable, NotFound
from infra.http.strict_query import strict_query
from policies.dead_letters.drop import NothingParked, drop
from policies.dead_letters.listing import as_key, dead_letter
from policies.dead_letters.redrive import NotCarriedOut, Redrive, Redriven
from policies.policy import Policy

Topic = Annotated[str, Path(pattern=r"^[^\x00]+$")]


class PolicyUnknown(NotFound):
    """No policy has this name."""

    code, title = "policy_not_found", "There is no such policy"


class RetryRequest(BaseModel):
    """What to retry: the parked records of one key, or of every key."""

    model_config = ConfigDict(extra="forbid")

    policy: str = Field(description="Name of the policy that parked them.")
    key: RetryKey


def dead_letters_router(redrive: Redrive, policies: Sequence[Policy]) -> APIRouter:
    """The endpoints over these policies, for one record or key; those that list are of ``lists_router``."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operations"], dependencies=[Depends(strict_query)])

    @router.get("/{policy}/{topic}/{partition}/{offset}")
    async def show_dead_letter(
        operator: Operator, policy: str, topic: Topic, partition: Number, offset: Offset
    ) -> dict[str, Any]:
        """One parked record with its headers and value as text."""
        (one,) = policies_named(policies, policy)
        letter = await dead_letter(redrive.pool, one.name, (topic, partition, offset))
        if letter is None:
            raise NotParked(f"Nothing is parked at {topic}/{partition}@{offset}.")
        return letter.whole()

    @router.post("/retry")
    async def retry_dead_letters(operator: Operator, wanted: RetryRequest) -> dict[str, int]:
        """Carry out what follows from parked records, each key in its order until one fails again. Counts them:
        `carried_out`, `failed`, `waiting` behind those, and commands that were `refused`. It may be repeated.
        """
        (one,) = policies_named(policies, wanted.policy)
        async with _answering():
            return _counted(await redrive.by(operator).retry(one, as_key(wanted.key)))

    @router.post("/{policy}/{topic}/{partition}/{offset}/drop")
    async def drop_dead_letter(
        operator: Operator, policy: str, topic: Topic, partition: Number, offset: Offset, wanted: DropRequest
    ) -> dict[str, Any]:
        """Give a parked record up for good; those behind it are retried, and counted in `behind`. A repeat gives
        nothing more up, and tells the reason that counts.
        """
        (one,) = policies_named(policies, policy)
        async with _answering():
            gone = await drop(redrive.by(operator), one, topic, partition, offset, wanted.reason)
        told = {"already": gone.already, "reason": gone.reason, "actor": gone.actor, "at": gone.at.isoformat()}
        return {**told, "behind": _counted(gone.behind)}

    return router


def policies_named(policies: Sequence[Policy], name: str | None) -> list[Policy]:
    """The one of this name, or all for None. Raises ``PolicyUnknown``."""
    found = [policy for policy in policies if name in (None, policy.name)]
    if not found:
        raise PolicyUnknown(f"Known are {', '.join(policy.name for policy in policies)}.")
    return found


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
