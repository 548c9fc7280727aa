"""The streams' process: Faust, the fold, the publisher and the health port in one loop.

Whatever fails beyond Redis being away ends the process at once with exit code 70, and its supervisor starts it again:
Faust stalls for ever on a body that raises, and a clean stop may hang.
"""

import asyncio
import contextlib
import os
import re
import socket
import sys
import time
import traceback

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from event_schemas.topics import ORDERS
from infra.http.serve import serve, stop_on_signals
from infra.settings import Settings
from projectors.log_ends import LogEnds
from projectors.stores.connect import connect_redis
from projectors.streams.changes import Changes
from projectors.streams.faust_app import App, create_app, create_table, read, start
from projectors.streams.health import NAME, Health, create_health_app
from projectors.streams.publish import VERSION, Publisher
from projectors.streams.watchdog import Watchdog
from projectors.streams.worker import Worker

PUBLISH_SECONDS = 0.5
STOP_SECONDS = 5.0
FAILED = 70

log = structlog.get_logger()


async def run(settings: Settings, name: str = NAME, topic: str = ORDERS.name) -> None:
    """Stream `topic` under `name`, which names the consumer group and the keys in Redis, until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    ends = LogEnds(settings.bootstrap_servers, [topic])
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ends.run())
        health = Health(ends, topic)
        serving = group.create_task(serve(create_health_app(health), settings.host, settings.streams_port, stop))
        streaming = group.create_task(_stream(settings, name, topic, ends, health))
        await stop.wait()
        streaming.cancel()
        await asyncio.wait({streaming, serving})
        asking.cancel()


async def _stream(settings: Settings, name: str, topic: str, ends: LogEnds, health: Health) -> None:
    partitions = len(await ends.partitions(topic))
    instance = re.sub(r"[^A-Za-z0-9._-]", "-", f"{socket.gethostname()}-{settings.streams_port}")
    app = create_app(settings, f"stockroom-{name}-v{VERSION}", partitions, instance)
    worker = Worker(app, create_table(app, partitions), topic)
    read(app, topic, worker.waiting.put, worker.positions)
    health.worker = worker
    redis = connect_redis(settings)
    try:
        await start(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            group.create_task(_publish(worker, Publisher(redis, name), health, ends, topic))
            group.create_task(_watch(worker, health, ends, topic))
            group.create_task(_crashed(app))
    except asyncio.CancelledError:
        await _stop(app, redis)
        raise
    except BaseException as error:
        log.critical("streams failed", error="".join(traceback.format_exception(error)))
        sys.stdout.flush()
        os._exit(FAILED)


async def _publish(worker: Worker, publisher: Publisher, health: Health, ends: LogEnds, topic: str) -> None:
    while True:
        if worker.is_ready:
            changes, worker.changes = worker.changes, {partition: Changes() for partition in worker.shards}
            try:
                await publisher.publish(dict(worker.shards), changes, ends.of(topic), int(time.time()))
            except (RedisError, OSError, TimeoutError) as error:
                health.not_published = f"Redis: {type(error).__name__}: {error}"
            else:
                health.not_published = None
        await asyncio.sleep(PUBLISH_SECONDS)


async def _watch(worker: Worker, health: Health, ends: LogEnds, topic: str) -> None:
    watchdog = Watchdog(time.monotonic())
    while True:
        health.observe()
        if ends.error is None:
            if worker.is_ready:
                positions = {place.partition: offset for place, offset in worker.positions().items()}
                watchdog.follow(positions, worker.stored, ends.of(topic), time.monotonic())
            else:
                watchdog.recover(worker.recovered(), worker.to_recover(), time.monotonic())
        await asyncio.sleep(1)


async def _crashed(app: App) -> None:
    await app.wait_until_stopped()
    raise RuntimeError(f"Faust stopped: {app.crash_reason!r}")


async def _stop(app: App, redis: Redis) -> None:
    """What is acknowledged is in the tables; a stop that hangs is left behind."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await app.stop()
    await redis.aclose()
