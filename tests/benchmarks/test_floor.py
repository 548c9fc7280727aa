"""The floor of the command benchmark looks up, validates and decides like the command API, and appends nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from benchmarks.databases import new_database
from benchmarks.floor import FloorLog
from command_api.app import create_app, run_writers
from command_api.operation import not_ready
from event_schemas.topics import ORDERS
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings
from tests.support.poll import until


@asynccontextmanager
async def running(settings: Settings, open_log: Callable[[str, int], Any] | None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a command API in this process, in a group of its own."""
    app, stop = create_app(settings), asyncio.Event()
    writing = asyncio.create_task(run_writers(app, settings, stop, open_log=open_log))
    try:

        async def reasons() -> object:
            assert not writing.done(), "the writers ended"
            return not_ready(app)

        await until(reasons, lambda found: not found)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://command-api", timeout=20) as client:
            yield client
    finally:
        stop.set()
        await asyncio.wait_for(writing, 20)


@pytest.fixture
async def floor(settings: Settings, unique: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a floor that knows the product ``unique``."""
    async with running(settings.model_copy(update={"command_api_group": f"real-{unique}"}), None) as real:
        product = {"sku": unique.upper(), "kind": "GOOD", "name": "A thing", "price": 2.5}
        (await real.post("/v1/products", json=product)).raise_for_status()
    own = {"command_api_group": f"floor-{unique}", "postgres_dsn": await new_database(settings, unique)}
    async with running(settings.model_copy(update=own), FloorLog) as client:
        yield client


def order(sku: str, quantity: int = 1) -> dict[str, Any]:
    return {"items": [{"sku": sku, "quantity": quantity}]}


async def ends(settings: Settings) -> dict[tuple[str, int], int]:
    starts = {(ORDERS.name, partition): START for partition in range(settings.partitions)}
    async with LogReader(settings.bootstrap_servers, starts) as reader:
        return dict(await reader.ends())


async def test_the_floor_answers_an_order_like_the_command_api_and_appends_nothing(
    settings: Settings, unique: str, floor: httpx.AsyncClient
) -> None:
    before = await ends(settings)
    answer = await floor.post("/v1/orders", json=order(unique.upper()), headers={"Idempotency-Key": unique})
    assert (answer.status_code, answer.json()["status"], answer.json()["total"]) == (201, "PENDING", 2.5)
    assert await ends(settings) == before


async def test_the_floor_refuses_what_the_command_api_refuses(unique: str, floor: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": unique}
    await floor.post("/v1/orders", json=order(unique.upper()), headers=key)
    reused = await floor.post("/v1/orders", json=order(unique.upper(), 2), headers=key)
    unknown = await floor.post("/v1/orders", json=order("NO-SUCH-SKU"))
    malformed = await floor.post("/v1/orders", json={"items": []})
    assert [answer.status_code for answer in (reused, unknown, malformed)] == [422, 404, 422]
    assert reused.json()["code"] == "idempotency_key_reused"
