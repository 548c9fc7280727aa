"""`./stockroom dlq drop` with a real command API: the event, what it does at once, and who knows of it afterwards."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest

from infra.settings import Settings
from projectors.app import create_app
from projectors.dead_letters.drop import Effect, drop
from projectors.dead_letters.voids_known import VoidsUnknown, voids_known
from projectors.engine.engine import Engine
from projectors.read_models import stock
from projectors.stores.connect import connect_postgres, connect_redis
from projectors.stores.voids import voids_of
from tests.cluster.instances import Instance, running
from tests.projectors.parked_stock import dlq, park_two


@pytest.fixture(scope="module")
async def command_api(settings: Settings) -> AsyncIterator[Instance]:
    """A command API of its own."""
    async with running(settings, 1) as (instance,):
        yield instance


@pytest.fixture
def first() -> int:
    """An offset that no other test has; what is voided stays so in the log of all tests."""
    return 10**15 + uuid4().int % 10**15


@pytest.fixture
async def parked(own: Settings, command_api: Instance, first: int) -> Settings:
    """Settings of a database in which two events of one SKU are parked, and of the command API."""
    port = {"command_api_port": command_api.settings.command_api_port}
    return await park_two(own.model_copy(update=port), first)


async def test_a_drop_is_an_event_and_what_waited_behind_it_is_applied(parked: Settings, first: int) -> None:
    place = f"stock/0@{first}"
    said = await dlq(parked, "drop", place, "--projection", "stock", "--reason", "sent twice")
    assert said[0] == 0, said[1]
    assert said[1].startswith(f"{place}: dropped (staff:operator, ")
    assert said[1].endswith(": sent twice)\n")
    async with asyncpg.create_pool(parked.dsn, min_size=1, max_size=2) as pool:
        assert [tuple(row) for row in await pool.fetch("SELECT sku, on_hand FROM stock.levels")] == [("KB-1", 3)]
        audit = await pool.fetch("SELECT actor, action FROM stockroom.audit ORDER BY action")
        assert list(map(tuple, audit)) == [("staff:operator", "drop"), ("system:projectors", "retry")]
    code, output = await dlq(parked, "drop", place, "--projection", "stock", "--reason", "once more")
    assert (code, "was dropped before" in output, "sent twice" in output) == (0, True, True)
    assert await dlq(parked, "list", "--projection", "stock", "--key", "KB-1") == (0, "projections: nothing parked\n")
    code, output = await dlq(parked, "list", "--dropped", "--projection", "stock", "--key", "KB-1")
    assert (code, f"stock  {place}  KB-1  dropped  by staff:operator at " in output) == (0, True)


async def test_what_is_not_parked_or_cannot_be_dropped_is_told(parked: Settings, own: Settings, first: int) -> None:
    place = f"stock/0@{first + 7}"
    where = "--projection", "stock", "--reason", "why"
    assert await dlq(parked, "drop", place, *where) == (1, f"nothing is parked at {place} in stock\n")
    assert await dlq(parked, "drop", "orders/0@1", *where) == (2, "stock reads stock, not orders\n")
    away = parked.model_copy(update={"command_api_port": 1})
    code, output = await dlq(away, "drop", f"stock/0@{first}", *where)
    assert (code, output.startswith("the command API at http://")) == (1, True)
    code, output = await dlq(parked, "list", "--projection", "stock")
    assert (code, len(output.splitlines()), "dropped" in output) == (0, 2, False)


async def test_over_http_a_record_is_dropped_listed_and_known_to_a_database_that_is_made_anew(
    parked: Settings, first: int
) -> None:
    path = f"/v1/dead-letters/stock/stock/0/{first}/drop"
    async with connect_postgres(parked) as pool, connect_redis(parked) as redis:
        transport = httpx.ASGITransport(create_app(Engine(parked, pool, redis, [stock.PROJECTION])))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for nothing in ("", "  "):
                assert (await client.post(path, json={"reason": nothing})).status_code == 422
            answer = await client.post(path, json={"reason": "sent twice"})
            assert (answer.status_code, answer.json()["effect"]) == (200, "dropped")
            again = await client.post(path, json={"reason": "sent twice"})
            assert (again.json()["effect"], again.json()["reason"]) == ("already_dropped", "sent twice")
            listed = (await client.get("/v1/dead-letters/dropped", params={"key": "KB-1"})).json()
            assert f"stock/0@{first}" in [one["place"] for one in listed["items"]]
            missing = await client.post(f"/v1/dead-letters/stock/stock/0/{first + 9}/drop", json={"reason": "why"})
            assert (missing.status_code, missing.json()["code"]) == (404, "dead_letter_not_found")
        await pool.execute("DROP SCHEMA stockroom, operations, voided_g1 CASCADE")
        await voids_known(parked.bootstrap_servers, pool)
        async with pool.acquire() as connection:
            assert (await voids_of(connection, stock.PROJECTION))[0, first].reason == "sent twice"


async def test_a_drop_that_does_not_become_known_is_recorded_says_what_it_waited_for_and_may_be_repeated(
    parked: Settings, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projectors.dead_letters.drop.PATIENCE_SECONDS", 1.0)
    away = parked.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    where = stock.PROJECTION, (0, first), "sent twice"
    async with connect_postgres(parked) as pool, connect_redis(parked) as redis:
        with pytest.raises(VoidsUnknown, match=r"waited 1 s for Kafka .*\. The drop is recorded"):
            await drop(away, pool, redis, *where)
        monkeypatch.undo()
        assert (await drop(parked, pool, redis, *where)).effect is Effect.DROPPED
