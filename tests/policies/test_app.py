"""What the process of the policies tells of itself."""

import asyncio

import httpx

from infra.log_batch import START
from infra.settings import Settings
from policies.app import create_app
from policies.dead_letters.drop import drop
from policies.left_behind import LeftBehind
from policies.standing import Standing
from tests.policies.bench import Bench
from tests.policies.test_runner import order
from tests.support.cable import cable_to_postgres
from tests.support.log import Entry, entry
from tests.support.poll import until
from tests.support.prometheus import parsed

HANGS = 30.0
"""Without a bound of ours a server that hangs is waited for a minute."""


def client(standings: list[Standing], settings: Settings) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(standings, settings))
    return httpx.AsyncClient(transport=transport, base_url="http://policies")


async def test_it_is_not_ready_before_every_policy_reads_and_says_why(settings: Settings) -> None:
    reading, starting = Standing("buy", "orders", running=True, waits_for=""), Standing("buy", "stock")
    async with client([reading, starting], settings) as http:
        assert (await http.get("/health")).status_code == (await http.head("/health")).status_code == 200
        answer = await http.get("/ready")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_ready"
        assert "buy in stock waits" in answer.json()["detail"]
        starting.running = True
        starting.going_on()
        assert (await http.get("/ready")).json() == {"status": "ready", "alarms": {"hanging": 0, "parked": 0}}


async def test_what_hangs_or_is_parked_is_an_alarm(settings: Settings) -> None:
    standing = Standing("buy", "orders", running=True, waits_for="", parked=2)
    standing.hanging["validation_failed"] = 3
    async with client([standing], settings) as http:
        assert (await http.get("/ready")).json()["alarms"] == {"hanging": 3, "parked": 2}


async def test_parked_records_and_their_age_are_known_from_the_tables_and_an_alarm_ends_with_a_retry(
    bench: Bench,
) -> None:
    key, event = order(bench, 0)
    good = entry(event, key, writer="writer-1", epoch=1)
    await bench.writer.append_raw(0, [Entry(good.key, b"{", good.headers)])
    async with bench.runner() as runner, client([runner.standing], bench.settings) as http:
        await until(bench.parked, bool)
        left_behind = LeftBehind(bench.postgres, [runner.standing])
        await left_behind.look()
        told = parsed((await http.get("/metrics")).text)
        where = bench.policy.name, bench.topic
        assert told["stockroom_policy_parked_records"] == {where: 1}
        assert 0 < told["stockroom_policy_oldest_parked_seconds"][where] < 600
        await drop(bench.redrive, bench.policy, bench.topic, 0, 1, "not JSON")
        await left_behind.look()
        assert parsed((await http.get("/metrics")).text)["stockroom_policy_parked_records"] == {where: 0}
        assert (await http.get("/ready")).json()["alarms"]["parked"] == 0


async def test_it_tells_positions_and_lag_of_each_policy(bench: Bench) -> None:
    await bench.writer.append(0, [order(bench, number) for number in range(3)])
    behind = Standing(bench.policy.name, bench.topic, running=True, waits_for="", positions={0: START, 1: START})
    async with client([behind], bench.settings) as http:
        (told,) = (await http.get("/policies")).json()["items"]
    assert (told["lag"], told["partitions"]["0"]["lag"], told["partitions"]["1"]["lag"]) == (5, 4, 1)
    async with bench.runner() as runner, client([runner.standing], bench.settings) as http:

        async def lag() -> int | None:
            found: int | None = (await http.get("/policies")).json()["items"][0]["lag"]
            return found

        await until(lag, lambda found: found == 0)
        (told,) = (await http.get("/policies")).json()["items"]
    assert (told["commands"], told["partitions"]["0"]["writer"], told["partitions"]["0"]["epoch"]) == (3, "writer-1", 1)


async def test_lag_is_not_known_while_kafka_is_away(settings: Settings) -> None:
    standing = Standing("buy", "orders", running=True, waits_for="", positions={0: START})
    away = settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    async with client([standing], away) as http:
        (told,) = (await http.get("/policies")).json()["items"]
    assert told["lag"] is None


async def test_it_is_not_ready_while_postgresql_hangs(settings: Settings) -> None:
    standing = Standing("buy", "orders", running=True, waits_for="")
    async with cable_to_postgres(settings) as (cable, through), client([standing], through) as http:
        await until(lambda: http.get("/ready"), lambda answer: answer.status_code == 200)
        cable.freeze()
        async with asyncio.timeout(HANGS):
            answer = await http.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "PostgreSQL: No answer within 2.5 s."
        cable.thaw()
        await until(lambda: http.get("/ready"), lambda answer: answer.status_code == 200)
