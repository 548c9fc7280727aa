"""The Consistency-Token: a query waits for what was written, within a bound, and refuses tokens that make no sense."""

import asyncio
import time

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from infra.settings import Settings
from query_api.feeds import FEEDS
from query_api.sources import Sources
from tests.projectors.log import placed
from tests.query_api.conftest import client_of
from tests.query_api.shelf import Shelf


@pytest.fixture
async def end(settings: Settings, sources: Sources, shelf: Shelf) -> int:
    """End of orders/2, moved beyond what the read models have applied by records that never happened."""
    applied = (await sources.positions.of(FEEDS["order_history"])).partitions[2].next_offset
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    try:
        while (await sources.log.ends())["orders", 2] <= applied + 1:
            await producer.send_and_wait("orders", b"{}", partition=2)
    finally:
        await producer.stop()
    return (await sources.log.ends())["orders", 2]


async def ask(client: httpx.AsyncClient, token: str, path: str = "/v1/orders/o01", **headers: str) -> httpx.Response:
    return await client.get(path, headers={"Consistency-Token": token, **headers})


async def test_a_position_that_is_applied_is_answered_at_once(client: httpx.AsyncClient, sources: Sources) -> None:
    answer = await ask(client, f"{sources.log.cluster}:orders/0@0, {sources.log.cluster}:orders/1@0")
    assert answer.status_code == 200


async def test_a_query_waits_until_the_position_is_applied(
    client: httpx.AsyncClient, sources: Sources, shelf: Shelf, end: int
) -> None:
    applied = (await sources.positions.of(FEEDS["order_history"])).partitions[2].next_offset
    token = f"{sources.log.cluster}:orders/2@{applied}"
    asked = asyncio.create_task(ask(client, token, "/v1/orders/fresh", Prefer="wait=20"))
    await asyncio.sleep(0.05)
    assert not asked.done()
    await shelf.feed([shelf.log.add(placed("fresh", {"A": 1}), partition=2)])
    assert (await asked).json()["order_id"] == "fresh"


async def test_a_query_of_the_past_waits_until_the_audit_has_applied_the_position(
    client: httpx.AsyncClient, sources: Sources, shelf: Shelf, end: int
) -> None:
    applied = (await sources.positions.of(FEEDS["audit_orders"])).partitions[2].next_offset
    event = shelf.log.add(placed("then", {"A": 1}), partition=2)
    await shelf.feed([event], without=("audit_orders",))
    token = f"{sources.log.cluster}:orders/2@{applied}"
    assert (await ask(client, token, "/v1/orders/then")).status_code == 200
    early = await ask(client, token, "/v1/orders/then?as_of=1", Prefer="wait=0")
    assert (early.status_code, early.json().get("projection")) == (503, "audit_orders")
    asked = asyncio.create_task(ask(client, token, "/v1/orders/then?as_of=1", Prefer="wait=20"))
    await asyncio.sleep(0.05)
    assert not asked.done()
    await shelf.feed([event], without=FEEDS.keys() - {"audit_orders"})
    assert (await asked).json()["order_id"] == "then"


async def test_a_lagging_projection_is_told_after_the_time_to_wait(
    client: httpx.AsyncClient, sources: Sources, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    answer = await ask(client, f"{sources.log.cluster}:orders/2@{end - 1}")
    assert time.monotonic() - began >= 0.3
    assert (answer.status_code, answer.json()["code"]) == (503, "projection_lagging")
    assert answer.headers["retry-after"] == "1"
    monkeypatch.setattr(sources.consistency, "_default_wait", 60)
    async with asyncio.timeout(20):
        await ask(client, f"{sources.log.cluster}:orders/2@{end - 1}", Prefer="wait=0")


@pytest.mark.parametrize("path", ["/v1/sales/daily", "/v1/top-sellers", "/v1/orders"])
async def test_every_read_model_of_the_topic_waits(
    client: httpx.AsyncClient, sources: Sources, end: int, path: str
) -> None:
    answer = await ask(client, f"{sources.log.cluster}:orders/2@{end - 1}", path, Prefer="wait=0")
    assert (answer.status_code, answer.json()["code"]) == (503, "projection_lagging")


async def test_a_topic_that_does_not_feed_the_endpoint_is_not_waited_for(
    client: httpx.AsyncClient, sources: Sources, end: int
) -> None:
    answer = await ask(client, f"{sources.log.cluster}:orders/2@{end - 1}", "/v1/products", Prefer="wait=0")
    assert answer.status_code == 200


async def test_a_token_of_the_future_is_refused_also_of_a_topic_that_does_not_feed_the_endpoint(
    client: httpx.AsyncClient, sources: Sources, end: int
) -> None:
    for topic, offset in (("orders", end), ("stock", 999_999_999_999)):
        for _ in range(2):
            answer = await ask(client, f"{sources.log.cluster}:{topic}/2@{offset}", "/v1/products")
            assert (answer.status_code, answer.json()["code"]) == (400, "future_consistency_token")


async def test_a_token_that_is_not_needed_stops_no_query_while_kafka_is_away(
    own_settings: Settings, sources: Sources
) -> None:
    away = Sources(own_settings)
    await away.open()
    away.log.cluster = sources.log.cluster
    async with client_of(own_settings, away) as asked:
        token = f"{sources.log.cluster}:orders/2@999999999999"
        assert (await ask(asked, token, "/v1/products")).status_code == 200
        assert (await ask(asked, token, "/v1/orders")).json()["code"] == "dependency_unavailable"
    await away.close()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "bad_consistency_token"),
        ("nonsense", "bad_consistency_token"),
        ("{cluster}:orders/0", "bad_consistency_token"),
        ("{cluster}:orders/0@-1", "bad_consistency_token"),
        ("{cluster}:orders/0@1,", "bad_consistency_token"),
        ("{cluster}:orders/0@9999999999999999999", "future_consistency_token"),
        ("{cluster}:nothing/0@1", "bad_consistency_token"),
        ("{cluster}:orders/999@1", "bad_consistency_token"),
        (",".join(["{cluster}:orders/0@0"] * 101), "bad_consistency_token"),
        ("AnotherCluster:orders/0@1", "foreign_consistency_token"),
        ("{cluster}:orders/0@999999999999", "future_consistency_token"),
    ],
)
async def test_tokens_that_make_no_sense_are_refused(
    client: httpx.AsyncClient, sources: Sources, token: str, code: str
) -> None:
    answer = await ask(client, token.replace("{cluster}", str(sources.log.cluster)))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("path", ["/v1/products", "/v1/orders/o01", "/v1/stock/22197", "/v1/top-sellers"])
@pytest.mark.parametrize("wait", ["abc", "-1", "100"])
async def test_a_wait_that_cannot_be_given_is_refused_with_or_without_a_token(
    client: httpx.AsyncClient, path: str, wait: str
) -> None:
    for token in ({}, {"Consistency-Token": "any:orders/0@0"}):
        answer = await client.get(path, headers={"Prefer": f"wait={wait}", **token})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_prefer")
