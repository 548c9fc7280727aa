"""What the command benchmark stands on: products with stock, the floor beside the command API, durability on demand."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from statistics import median

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from benchmarks.databases import new_database
from benchmarks.stage import NotReached, Stage
from event_schemas.topics import ORDERS
from infra.create_topics import wanted_topics
from infra.kafka_lifetime import started
from infra.launcher.group import Group
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.launcher.processes import check
from infra.launcher.program import Program
from infra.launcher.supervised import Supervised
from infra.settings import Settings

FLOOR = "floor"
STOCK = 10_000_000
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
STOCKED = "SELECT count(*) FROM stock.levels WHERE available >= $1"
FLUSH = "flush.messages"
SYNCS = 200
SYNCED_BYTES = 1_000


async def add_products(stage: Stage, count: int) -> tuple[str, ...]:
    """SKUs of new products, each with stock on the shelf. Raises `NotReached`; the policies must run."""
    skus = tuple(f"B-{number}" for number in range(1, count + 1))
    for sku in skus:
        body = {"kind": "GOOD", "sku": sku, "name": f"Bench {sku}", "price": 1.00, "quantity": STOCK}
        (await stage.command.post("/v1/products", json=body)).raise_for_status()
    connection = await asyncpg.connect(stage.settings.dsn)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while await connection.fetchval(STOCKED, STOCK) < count:
            if time.monotonic() > deadline:
                raise NotReached(f"not all of {count} products have stock on the shelf")
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await connection.close()
    return skus


@asynccontextmanager
async def running_floor(settings: Settings) -> AsyncIterator[Supervised]:
    """The floor, which runs meanwhile. Raises `StartFailed`.

    It takes no shards from the real command API, and what it snapshots is in a database of its own.
    """
    home = Home.of(settings)
    dsn = await new_database(settings, FLOOR)
    port = free_ports(1)[0]
    program = Program(
        name=FLOOR,
        command=(sys.executable, "-m", "benchmarks.floor"),
        address=f"http://{settings.host}:{port}",
        ports={"command_api_port": port},
        check=lambda: check(f"http://{settings.host}:{port}"),
        environment={
            "STOCKROOM_HOME": str(home.root),
            "STOCKROOM_COMMAND_API_PORT": str(port),
            "STOCKROOM_COMMAND_API_GROUP": FLOOR,
            "STOCKROOM_POSTGRES_DSN": dsn,
        },
    )
    group = Group([program], home)
    try:
        await group.start(settings.start_seconds)
        yield group[FLOOR]
    finally:
        await group.stop(in_turn=True)


async def flush_each_append(settings: Settings, *, wanted: bool) -> None:
    """Have the broker sync the topic of orders to disk before it acknowledges, or leave that to the system as usual."""
    topic = next(topic for topic in wanted_topics(settings, settings.partitions) if topic.name == ORDERS.name)
    configs: Mapping[str, str] = {**topic.topic_configs, **({FLUSH: "1"} if wanted else {})}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    async with started(admin.start, admin.close):
        answers = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, ORDERS.name, dict(configs))])
        if any(code for answer in answers for code, *_ in answer.resources):
            raise NotReached(f"the broker does not take {configs} for {ORDERS.name}: {answers}")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (await _shown(admin) == "1") is not wanted:
            if time.monotonic() > deadline:
                raise NotReached(f"the broker does not take {FLUSH} of {ORDERS.name} over")
            await asyncio.sleep(POLL_SECONDS)


async def _shown(admin: AIOKafkaAdminClient) -> str:
    named = ConfigResource(ConfigResourceType.TOPIC, ORDERS.name, {FLUSH: ""})
    (answer,) = await admin.describe_configs([named])
    ((_, _, _, _, ((_, value, *_),)),) = answer.resources
    return str(value)


def sync_ms(settings: Settings) -> float:
    """Median time of writing 1,000 bytes to the end of a file of the home and having them on the disk."""
    durations = []
    with tempfile.TemporaryFile(dir=settings.home, buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(b"x" * SYNCED_BYTES)
            os.fsync(file.fileno())
            durations.append(time.perf_counter() - began)
    return round(median(durations) * 1000, 3)
