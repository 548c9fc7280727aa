"""SIGKILL of every process and server in turn while a file is imported: nothing lost, nothing twice."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from event_schemas.topics import TOPICS
from infra.imports.sample import sample_csv
from infra.launcher.home import Home
from infra.launcher.record import read
from infra.log_audit import audit
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings
from tests.e2e.command import started
from tests.e2e.product import Product
from tests.support.poll import until

VICTIMS = ("command_api", "policies", "projectors", "streams", "query_api", "redis", "postgres", "kafka")
SEED = 770_077


@pytest.mark.timeout(300)
async def test_an_import_survives_the_kill_of_each_process_in_turn(
    product: Product, settings: Settings, tmp_path: Path, postgres: asyncpg.Pool
) -> None:
    file = tmp_path / "retail.csv"
    file.write_bytes(sample_csv(SEED, products=150, invoices=2_500))
    importing = await started("import", "retail", str(file), COLUMNS="120")
    for victim in VICTIMS:
        await gets_on(settings, importing)
        kill(victim, settings)
    output, _ = await asyncio.wait_for(importing.communicate(), 200)
    assert importing.returncode == 0, output.decode()
    again = await started("import", "retail", str(file), COLUMNS="120")
    repeated, _ = await asyncio.wait_for(again.communicate(), 100)
    assert again.returncode == 0, repeated.decode()
    await product.caught_up()
    found = await audit(settings)
    assert set(found.statuses.values()) <= {"CONFIRMED", "REJECTED", "CANCELLED", "EXPIRED"}
    rows = await postgres.fetch("SELECT sku, sum(on_hand) on_hand, sum(reserved) reserved FROM stock.levels GROUP BY 1")
    assert {row["sku"]: (row["on_hand"], row["reserved"]) for row in rows} == found.levels
    shown = await postgres.fetch("SELECT order_id, status FROM orders.orders")
    assert {row["order_id"]: row["status"] for row in shown} == found.statuses
    async with Redis.from_url(settings.redis_address, decode_responses=True) as redis:
        generation = str(await redis.get("active:top_sellers"))
        ranked: Any = await redis.zrange(f"top_sellers:{generation}:top:sale:all", 0, -1, withscores=True)
    assert {member: score for member, score in ranked if score} == {
        product_id: pieces for product_id, pieces in found.sold.items() if pieces
    }


async def gets_on(settings: Settings, importing: asyncio.subprocess.Process, events: int = 2_500) -> None:
    """Wait until some more events are in the log, whatever was killed before."""

    async def end() -> int:
        starts = {(topic.name, partition): START for topic in TOPICS for partition in range(settings.partitions)}
        try:
            async with LogReader(settings.bootstrap_servers, starts) as reader:
                return sum((await reader.ends()).values())
        except (KafkaError, OSError):
            return 0

    before = await until(end, bool)
    await until(end, lambda now: now >= before + events or importing.returncode is not None, 60)
    assert importing.returncode is None, "the import ended before the last kill: it is too short to prove anything"


def kill(name: str, settings: Settings) -> None:
    record = read(Home.of(settings).run / f"{name}.json")
    assert record is not None, f"{name} is not running"
    process = record.process()
    assert process is not None, f"{name} is not running"
    for one in [*process.children(recursive=True), process]:
        # A backend of PostgreSQL may end by itself between the look and the kill.
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGKILL)
