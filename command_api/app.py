"""Wires the command API: settings in, an ASGI app and its background tasks out. Nothing connects at import."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Depends, FastAPI
from starlette.responses import JSONResponse, Response

from command_api import bulk, order, product, stock_item
from command_api.catalog_copy import CatalogCopy
from command_api.deciders import DECIDERS
from command_api.desk import Desk
from command_api.kafka_log import KafkaLog
from command_api.key_window import KeyWindow
from command_api.writers import Writers
from infra.cluster import await_cluster
from infra.http.limits import BodyLimit
from infra.http.problem_schema import problem_responses
from infra.http.problems import install
from infra.http.strict_query import strict_query
from infra.settings import Settings

T = TypeVar("T")


def create_app(settings: Settings) -> FastAPI:
    """The app with its routes; commands are refused with 503 ``starting`` until ``run_writers`` has reached Kafka."""
    app = FastAPI(
        title="Stockroom command API",
        summary="Takes commands and appends their events to Kafka.",
        version="1",
        dependencies=[Depends(strict_query)],
        responses=problem_responses(),
    )
    install(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, by_path={"/v1/bulk": settings.max_bulk_bytes})
    for module in (product, stock_item, order, bulk):
        app.include_router(module.router)

    @app.get("/health", tags=["operation"], summary="Alive")
    async def health() -> dict[str, str]:
        """200 as long as the process answers."""
        return {"status": "ok"}

    @app.get(
        "/ready",
        tags=["operation"],
        summary="Ready to take commands",
        responses={503: {"description": "Not ready: `reasons` says why.", "content": {"application/json": {}}}},
    )
    async def ready() -> Response:
        """200 when every partition is held and the catalog has been read; 503 with the reasons otherwise.

        ``alarms`` name what a person must look at while all else goes on: stopped partitions, quarantined aggregates.
        """
        reasons = not_ready(app)
        desk: Desk | None = getattr(app.state, "desk", None)
        alarms = desk.writers.troubles if desk is not None else []
        return JSONResponse({"ready": not reasons, "reasons": reasons, "alarms": alarms}, 503 if reasons else 200)

    return app


def not_ready(app: FastAPI) -> list[str]:
    """Why the process cannot take commands, empty when it can."""
    desk: Desk | None = getattr(app.state, "desk", None)
    if desk is None:
        return ["Kafka has not been reached yet"]
    waiting = desk.writers.waiting_for
    reading = ["reading the catalog"] if desk.reading_catalog else []
    return [*(["claiming " + ", ".join(waiting)] if waiting else []), *reading]


async def run_writers(app: FastAPI, settings: Settings, stop: asyncio.Event) -> None:
    """Reach Kafka, hold every partition and keep the catalog copy, until ``stop`` is set."""
    cluster = await _unless(stop, await_cluster(settings.bootstrap_servers))
    if cluster is None:
        return
    keys = KeyWindow(settings.idempotency_hours, settings.idempotency_keys)

    def open_log(topic: str, partition: int) -> KafkaLog:
        return KafkaLog(settings.bootstrap_servers, topic, partition)

    writers = Writers(DECIDERS, cluster.partitions, open_log, keys, settings.max_queued_commands)
    catalog = CatalogCopy(settings.bootstrap_servers, cluster.partitions)
    app.state.desk = Desk(writers, catalog, cluster.id, settings.query_api_url)
    copying, writing = asyncio.create_task(catalog.run()), asyncio.create_task(writers.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({copying, writing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        writers.stop()
        stopping.cancel()
        copying.cancel()
        await asyncio.gather(copying, writing, stopping, return_exceptions=True)
    for task in (writing, copying):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of ``work``, None when ``stop`` is set before it is there."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None
