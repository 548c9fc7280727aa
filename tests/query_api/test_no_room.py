"""A server that answers but has no room left: 503, as when it is away, not an error of the query API's own."""

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from infra.http.problems import DependencyUnavailable
from infra.settings import Settings
from query_api.postgres import Postgres
from query_api.sorted_sets import SortedSets
from tests.query_api.shelf import Shelf

REFUSALS = {
    "OOM": ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    "NOREPLICAS": ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
    "READONLY": ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_redis_that_may_not_write_a_sum_is_told_and_single_sets_are_still_read(
    client: httpx.AsyncClient, own_redis: Redis, shelf: Shelf, refusal: str
) -> None:
    begin, end = REFUSALS[refusal]
    await own_redis.execute_command(*begin.split())  # type: ignore[no-untyped-call]
    try:
        answer = await client.get("/v1/top-sellers", params={"window": "7d"})
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert answer.json()["detail"] == "Redis takes no writes for now; it is tried again by itself."
        assert (await client.get("/v1/top-sellers")).status_code == 200
    finally:
        await own_redis.execute_command(*end.split())  # type: ignore[no-untyped-call]
    assert (await client.get("/v1/top-sellers", params={"window": "7d"})).status_code == 200


async def test_what_redis_can_never_do_is_a_mistake_and_not_told_as_a_refusal_for_now(
    own_settings: Settings, own_redis: Redis
) -> None:
    await own_redis.set("broken:pos", "no hash")
    sets = SortedSets(own_settings.redis_address)
    try:
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await sets.positions("broken:")
    finally:
        await sets.close()


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


async def test_a_query_without_its_argument_is_a_mistake_and_not_told_as_away(
    own_settings: Settings,
) -> None:
    postgres = Postgres(own_settings.dsn)
    await postgres.open()
    try:
        with pytest.raises(asyncpg.InterfaceError, match="expects 1 argument"):
            await postgres.rows("SELECT $1::text")
    finally:
        await postgres.close()
