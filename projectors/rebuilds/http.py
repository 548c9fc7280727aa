"""Endpoints of the projectors for operators: `/v1/rebuilds` plans, begins, shows, cancels; `rollback` undoes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Response
from redis.asyncio import Redis

from infra.http.principal import Operator
from infra.http.problems import Conflict, DependencyUnavailable, NotFound, Unavailable
from infra.http.strict_query import strict_query
from infra.reason import reason
from infra.settings import Settings
from projectors.back_off import AWAY
from projectors.dead_letters.http import ProjectionUnknown
from projectors.projection import Projection
from projectors.rebuilds.bodies import PlanList, RebuildList, RebuildRequest, RebuildShown, RollbackShown
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.plan import plan_all
from projectors.rebuilds.processes import Asked, RebuildProcesses
from projectors.rebuilds.rollback import RollbackRefused, roll_back
from projectors.rebuilds.row import RebuildFailed
from projectors.rebuilds.runs import Runs


class RebuildUnknown(NotFound):
    """No rebuild has this id."""

    code, title = "rebuild_not_found", "There is no such rebuild"


class RebuildRuns(Conflict):
    """A rebuild of one of the projections is under way; `detail` names it."""

    code, title = "rebuild_running", "It is being rebuilt already"


class RebuildNotStarted(Unavailable):
    """The process that would rebuild could not be started; `detail` says why."""

    code, title = "rebuild_not_started", "The rebuild could not be started"


class RebuildEnded(Conflict):
    """The rebuild is over and cannot be cancelled."""

    code, title = "rebuild_ended", "The rebuild has ended"


class CannotRollBack(Conflict):
    """There is no generation to go back to, or a rebuild is under way; `detail` says which."""

    code, title = "rollback_refused", "It cannot be rolled back"


def rebuilds_router(
    settings: Settings, pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]
) -> APIRouter:
    """The endpoints over these projections."""
    router = APIRouter(prefix="/v1", tags=["operations"], dependencies=[Depends(strict_query)])
    known = {projection.name: projection for projection in projections}
    processes, runs = RebuildProcesses(pool), Runs(pool, list(known))

    def named(name: str) -> Projection:
        if name not in known:
            raise ProjectionUnknown(f"{name} is none of {', '.join(known)}.")
        return known[name]

    def chosen(wanted: RebuildRequest) -> list[Projection]:
        return list(projections) if wanted.all else [named(name) for name in dict.fromkeys(wanted.names)]

    async def shown(run: UUID) -> dict[str, Any]:
        async with _answering():
            row = await runs.one(run)
        if row is None:
            raise RebuildUnknown(f"No rebuild has the id {run}.")
        return _described(row)

    @router.post("/rebuilds", status_code=202, response_model=RebuildShown)
    async def begin_rebuild(operator: Operator, wanted: RebuildRequest, response: Response) -> dict[str, Any]:
        """Begin a rebuild in a process of its own. `Location` is where to look how far it is."""
        names, run = [one.name for one in chosen(wanted)], uuid4()
        async with _answering():
            other = await runs.claim(run, names, str(operator))
        if other:
            raise RebuildRuns(f"/v1/rebuilds/{other['id']} rebuilds {', '.join(other['names'])}.")
        try:
            await processes.start(run, Asked(names, **wanted.model_dump(exclude={"names", "all"})))
        except OSError as error:
            raise RebuildNotStarted(reason(error)) from error
        response.headers["Location"] = f"/v1/rebuilds/{run}"
        return await shown(run)

    @router.post("/rebuilds/plan", response_model=PlanList)
    async def plan_rebuild(operator: Operator, wanted: RebuildRequest) -> dict[str, Any]:
        """Say what a rebuild would do, and change nothing."""
        try:
            plans = await plan_all(settings, chosen(wanted), RebuildOptions(anew=wanted.anew, rate=wanted.rate))
        except (RebuildFailed, *AWAY) as error:
            raise DependencyUnavailable(str(error)) from error
        return {"plans": [{**one._asdict(), "fits": one.fits} for one in plans]}

    @router.get("/rebuilds", response_model=RebuildList)
    async def list_rebuilds(operator: Operator, limit: Annotated[int, Query(ge=1, le=1_000)] = 20) -> dict[str, Any]:
        """The last runs, from a terminal too, the newest first."""
        async with _answering():
            rows = await runs.last(limit)
        return {"items": [_described(row) for row in rows]}

    @router.get("/rebuilds/{run}", response_model=RebuildShown)
    async def show_rebuild(operator: Operator, run: UUID) -> dict[str, Any]:
        """One run: how far it is, and what it did."""
        return await shown(run)

    @router.delete("/rebuilds/{run}", status_code=202, response_model=RebuildShown)
    async def cancel_rebuild(operator: Operator, run: UUID) -> dict[str, Any]:
        """Ask a run to end, which it does within seconds. What it has filled stays; the next rebuild goes on there."""
        async with _answering():
            asked = await runs.cancel(run)
        found = await shown(run)
        if not asked:
            raise RebuildEnded(f"It is {found['state']} since {found['ended_at']}.")
        return found

    @router.post("/projections/{name}/rollback", response_model=RollbackShown)
    async def roll_projection_back(operator: Operator, name: str) -> dict[str, Any]:
        """Let the generation before the last switch serve again, at once. A second rollback returns."""
        projection = named(name)
        async with _answering():
            return (await roll_back(pool, redis, projection, str(operator)))._asdict()

    return router


def _described(row: asyncpg.Record) -> dict[str, Any]:
    return {**dict(row), "progress": orjson.loads(row["progress"])}


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except RollbackRefused as error:
        raise CannotRollBack(str(error)) from error
    except AWAY as error:
        raise DependencyUnavailable("PostgreSQL or Redis does not answer.") from error
