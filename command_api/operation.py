"""Endpoints for operators and for the processes around: alive, ready, and which instance should hold what."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response

from command_api.desk import AtDesk, Desk
from command_api.group.routing import Told, tell_routing
from infra.http.problem_schema import problem_responses

router = APIRouter(tags=["operation"])


@router.get("/health", summary="Alive")
async def health() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "ok"}


@router.get(
    "/ready",
    summary="Ready to take commands",
    responses={503: {"description": "Not ready: `reasons` says why.", "content": {"application/json": {}}}},
)
async def ready(request: Request) -> Response:
    """200 when all partitions that should be held here are held and the catalog has been read; else 503 with `reasons`.

    ``alarms`` name what a person must look at while all else goes on: stopped partitions, quarantined aggregates.
    """
    reasons = not_ready(request.app)
    desk: Desk | None = getattr(request.app.state, "desk", None)
    alarms = desk.writers.troubles if desk is not None else []
    return JSONResponse({"ready": not reasons, "reasons": reasons, "alarms": alarms}, 503 if reasons else 200)


@router.get("/routing", summary="Which instance should hold what", responses=problem_responses(503))
async def routing(desk: AtDesk) -> dict[str, Any]:
    """The group's ``generation``, the number of ``partitions`` of every topic, and ``owners``: base URL by shard.

    Shard k is partition k of every topic. A command may be sent to any instance; to its owner it goes directly.
    ``leaving`` is true while this instance hands over what it held.
    """
    return tell_routing(Told(desk.group.routing, desk.group.leaving), desk.writers.partitions)


def not_ready(app: FastAPI) -> list[str]:
    """Why the process cannot take commands, empty when it can."""
    desk: Desk | None = getattr(app.state, "desk", None)
    if desk is None:
        return ["Kafka has not been reached yet"]
    if desk.group.leaving:
        return ["leaving the group of command APIs"]
    if not desk.group.routing.owners:
        return ["joining the group of command APIs"]
    waiting = desk.writers.waiting_for
    reading = ["reading the catalog"] if desk.reading_catalog else []
    return [*(["claiming " + ", ".join(waiting)] if waiting else []), *reading]
