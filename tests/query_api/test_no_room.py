"""A server that answers but has no room left: 503, as when it is away, not an error of the query API's own."""

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from infra.http.problems import DependencyUnavailable
from infra.settings import Settings
from query_api.postgres import Postgres
from tests.query_api.shelf import Shelf


async def test_a_redis_without_memory_for_a_sum_is_told_and_single_sets_are_still_read(
    client: httpx.AsyncClient, own_redis: Redis, shelf: Shelf
) -> None:
    await own_redis.config_set("maxmemory", 1)
    try:
        answer = await client.get("/v1/top-sellers", params={"window": "7d"})
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert "Redis" in answer.json()["detail"]
        assert (await client.get("/v1/top-sellers")).status_code == 200
    finally:
        await own_redis.config_set("maxmemory", 0)
    assert (await client.get("/v1/top-sellers", params={"window": "7d"})).status_code == 200


async def test_a_postgresql_that_may_write_no_more_to_its_disk_is_called_away(own_settings: Settings) -> None:
    connection = await asyncpg.connect(own_settings.dsn)
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {database} SET temp_file_limit = 0")
    postgres = Postgres(own_settings.dsn)
    await postgres.open()
    try:
        with pytest.raises(DependencyUnavailable):
            await postgres.rows("SELECT count(*) FROM generate_series(1, 1000000)")
        assert len(await postgres.rows("SELECT 1")) == 1
    finally:
        await postgres.close()
        await connection.execute(f"ALTER DATABASE {database} RESET temp_file_limit")
        await connection.close()
