"""Wires the command API: settings in, an ASGI app and its background tasks out. Nothing connects at import."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from command_api import bulk, first_stock, operation, order, product, stock_item, voided
from command_api.catalog_copy import CatalogCopy
from command_api.deciders import DECIDERS
from command_api.desk import Desk
from command_api.entrance import CommandApp
from command_api.fence.kafka_log import KafkaLog
from command_api.fence.log import Log
from command_api.group.bulk_forwarding import BULK_PATH
from command_api.group.elsewhere import HeldElsewhere
from command_api.group.forwarding import Forwarder
from command_api.group.hand_over import hand_over
from command_api.group.instance_group import InstanceGroup
from command_api.group.membership import Membership
from command_api.seen import SeenLog
from command_api.snapshots.postgres_store import snapshots_in
from command_api.snapshots.upkeep import Upkeep
from command_api.writer.keepers import Keepers
from command_api.writer.key_window import KeyWindow
from command_api.writer.saver import Pace
from command_api.writer.writers import Writers
from event_schemas.topics import TOPICS
from infra.cluster import await_cluster
from infra.http.body_type import BodyType
from infra.http.limits import BodyLimit
from infra.http.problem_handlers import install
from infra.http.problem_schema import problem_responses
from infra.http.problems import Problem
from infra.http.strict_query import strict_query
from infra.settings import Settings

T = TypeVar("T")


def create_app(settings: Settings) -> FastAPI:
    """The app with its routes; commands are refused with 503 ``starting`` until ``run_writers`` has reached Kafka."""
    app = CommandApp(
        max_requests=settings.max_requests,
        max_body_bytes=settings.max_body_bytes,
        title="Stockroom command API",
        summary="Takes commands and appends their events to Kafka.",
        version="1",
        dependencies=[Depends(strict_query)],
        description="A path that is there answers 405 to other methods, with `Allow`.",
        responses=problem_responses(400, 408, 431),
    )
    install(app)
    app.add_middleware(BodyType, by_path={BULK_PATH: bulk.TAKEN})
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, by_path={BULK_PATH: settings.max_bulk_bytes})
    app.add_exception_handler(HeldElsewhere, _send_on)
    for module in (product, stock_item, first_stock, order, voided):
        app.include_router(module.router, responses=problem_responses(404, 409, 412, 413, 415, 422, 503))
    app.include_router(bulk.router, responses=problem_responses(413, 415, 503))
    app.include_router(operation.router)
    app.lean("POST", "/v1/orders", order.place_order)
    app.lean("POST", "/v1/products", product.add_product)
    app.lean("POST", "/v1/stock/{sku}/receipts", stock_item.receive_stock)
    return app


async def _send_on(request: Request, error: Exception) -> Response:
    assert isinstance(error, HeldElsewhere)
    desk: Desk = request.app.state.desk
    try:
        return await desk.group.forward_request(request, error)
    except Problem as problem:
        return problem.response(request.scope["path"])


async def run_writers(
    app: FastAPI, settings: Settings, stop: asyncio.Event, open_log: Callable[[str, int], Log] | None = None
) -> None:
    """Reach Kafka, join the group, hold the partitions that it gives to this instance and keep the catalog copy, until
    ``stop`` is set; then leave the group, and return when the others know who holds them. ``open_log`` gives the log of
    a topic's partition; by default Kafka's."""
    cluster = await _unless(stop, await_cluster(settings.bootstrap_servers))
    if cluster is None:
        return
    address = settings.instance_address
    membership = Membership(
        settings.bootstrap_servers,
        [topic.name for topic in TOPICS],
        cluster.partitions,
        address,
        instance_id=address,
        group_id=settings.command_api_group,
    )
    catalog = CatalogCopy(settings.bootstrap_servers, cluster.partitions)
    upkeep = Upkeep(key_hours=settings.idempotency_hours, most_keys=settings.idempotency_keys)
    async with snapshots_in(settings.dsn, upkeep) as store, Forwarder(membership, address) as forwarder:
        pace = Pace(settings.snapshot_seconds, settings.snapshot_events)
        writers = Writers(
            DECIDERS,
            cluster.partitions,
            open_log or partial(KafkaLog, settings.bootstrap_servers),
            KeyWindow(settings.idempotency_hours, settings.idempotency_keys, cluster.partitions),
            settings.max_queued_commands,
            settings.max_queue_seconds,
            Keepers(store, cluster.id, pace, settings.cached_aggregates),
            membership.lease_term,
        )
        membership.on_change.append(lambda routing: writers.hold(routing.mine))
        seen = SeenLog(settings.bootstrap_servers, cluster.id, writers)
        group = InstanceGroup(membership, forwarder)
        app.state.desk = Desk(writers, catalog, seen, cluster.id, settings.query_api_url, group)
        await _until_stopped(stop, writers, membership, catalog)


async def _until_stopped(stop: asyncio.Event, writers: Writers, membership: Membership, catalog: CatalogCopy) -> None:
    """Run the parts until ``stop`` is set or one of them fails; then leave: first what is queued is done, then the
    group is told, so that another instance goes on at once. What comes meanwhile is sent on as soon as one does."""
    copying, writing = asyncio.create_task(catalog.run()), asyncio.create_task(writers.run())
    belonging = asyncio.create_task(membership.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({copying, writing, belonging, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        writers.stop()
        stopping.cancel()
        copying.cancel()
        await asyncio.gather(copying, writing, stopping, return_exceptions=True)
        await membership.leave()
        await asyncio.gather(belonging, return_exceptions=True)
        await hand_over(membership)
    for task in (writing, copying, belonging):
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
