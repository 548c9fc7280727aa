"""What is told when a server is away or hangs, and that it is used again when it is back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from redis.asyncio import Redis

from infra.settings import Settings
from query_api.sources import Sources
from tests.query_api.conftest import at_path, client_of
from tests.query_api.shelf import Shelf
from tests.support.cable import cable_to_postgres, cable_to_redis
from tests.support.poll import until
from tests.support.prometheus import parsed


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app with sources of its own, which nobody connects to Kafka."""
    sources = Sources(settings)
    await sources.open()
    async with client_of(settings, sources) as client:
        yield client
    await sources.close()


async def test_a_store_that_no_projector_has_filled_is_missing_not_broken(settings: Settings) -> None:
    untouched = settings.model_copy(
        update={
            "postgres_dsn": at_path(settings.dsn, "template1"),
            "redis_url": at_path(settings.redis_address, "10"),
        }
    )
    async with asking(untouched) as client:
        for path in ("/v1/products", "/v1/stock/A", "/v1/orders", "/v1/sales/daily", "/v1/top-sellers"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "projection_missing"), path
            assert answer.headers["retry-after"] == "2"
        items = (await client.get("/v1/projections")).json()["items"]
        assert all(item["error"].startswith("projection_missing") for item in items)
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")


async def test_postgresql_goes_away_and_comes_back(own_settings: Settings, shelf: Shelf) -> None:
    async with cable_to_postgres(own_settings) as (cable, through), asking(through) as client:
        assert (await client.get("/v1/products")).status_code == 200
        await cable.cut()
        answer = await client.get("/v1/products")
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert "PostgreSQL" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "1"
        assert (await client.get("/health")).status_code == 200
        await cable.mend()
        await until(lambda: client.get("/v1/products"), lambda answer: answer.status_code == 200)


HANGS = 30.0
"""Without time-outs a query waits for a minute and more; those that are there end it within three seconds."""


async def test_a_postgresql_that_hangs_is_told_within_seconds_and_used_again(
    own_settings: Settings, shelf: Shelf
) -> None:
    async with cable_to_postgres(own_settings) as (cable, through), asking(through) as client:

        async def timed(path: str) -> tuple[httpx.Response, float]:
            began = time.monotonic()
            return await client.get(path), time.monotonic() - began

        await asyncio.gather(*(client.get("/v1/orders") for _ in range(3)))
        cable.freeze()
        # More than the pool has connections: some wait for one that is open, some for a new one, some for either.
        paths = ["/v1/products", "/v1/orders", "/v1/stock/22197", "/v1/sales/daily?sku=22197"] * 4
        for answer, seconds in await asyncio.gather(*map(timed, paths)):
            assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
            assert "PostgreSQL" in answer.json()["detail"]
            assert seconds < HANGS
        answer, seconds = await timed("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert answer.json()["checks"]["postgresql"] != "ok"
        assert answer.json()["checks"]["redis"] == "ok"
        assert seconds < HANGS
        answer, seconds = await timed("/v1/projections")
        items = {item["name"]: item for item in answer.json()["items"]}
        assert items["catalog"]["error"].startswith("dependency_unavailable")
        assert items["top_sellers"]["error"] is None
        assert seconds < HANGS
        cable.thaw()
        await until(lambda: client.get("/v1/products"), lambda answer: answer.status_code == 200)


async def test_ready_is_told_in_time_when_open_connections_hang(own_settings: Settings, shelf: Shelf) -> None:
    async with cable_to_postgres(own_settings) as (cable, through), asking(through) as client:
        await client.get("/ready")
        cable.freeze()
        began = time.monotonic()
        answer = await client.get("/ready")
        assert time.monotonic() - began < HANGS
        assert answer.json()["checks"]["postgresql"] == "No answer within 2.5 s."


async def test_redis_goes_away_and_comes_back(own_settings: Settings, shelf: Shelf, own_redis: Redis) -> None:
    async with cable_to_redis(own_settings) as (cable, through), asking(through) as client:
        assert (await client.get("/v1/top-sellers")).status_code == 200
        await cable.cut()
        answer = await client.get("/v1/top-sellers")
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert "Redis" in answer.json()["detail"]
        assert (await client.get("/v1/products")).status_code == 200
        items = {item["name"]: item for item in (await client.get("/v1/projections")).json()["items"]}
        assert items["top_sellers"]["error"].startswith("dependency_unavailable")
        assert items["catalog"]["error"] is None
        parked = items["top_sellers"]["parked"], items["top_sellers"]["parked_records"]
        assert (parked, items["catalog"]["parked_records"]) == ((None, None), 0)
        metrics = parsed((await client.get("/metrics")).text)["stockroom_projection_parked_records"]
        assert ("top_sellers",) not in metrics
        assert ("catalog",) in metrics
        await cable.mend()
        await until(lambda: client.get("/v1/top-sellers"), lambda answer: answer.status_code == 200)


async def test_without_kafka_queries_go_on_and_lag_is_unknown(own_settings: Settings, shelf: Shelf) -> None:
    async with asking(own_settings) as client:
        assert (await client.get("/v1/products")).status_code == 200
        item = (await client.get("/v1/projections")).json()["items"][0]
        assert (item["lag_events"], item["partitions"][0]["end"]) == (None, None)
        answer = await client.get("/v1/products", headers={"Consistency-Token": "c:orders/0@1"})
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
