"""The Consistency-Token on commands: refused when no answer can have given it, and what it names has been taken in."""

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from infra.settings import Settings


async def order(api: httpx.AsyncClient, sku: str, token: str) -> httpx.Response:
    headers = {"Consistency-Token": token}
    return await api.post("/v1/orders", json={"items": [{"sku": sku, "quantity": 1}]}, headers=headers)


@pytest.fixture
async def token(api: httpx.AsyncClient, unique: str) -> str:
    """The token of a product that was added."""
    body = {"sku": unique.upper(), "name": "A thing", "price": 2.5}
    return (await api.post("/v1/products", json=body)).headers["Consistency-Token"]


async def test_a_command_takes_the_tokens_of_earlier_answers(api: httpx.AsyncClient, unique: str, token: str) -> None:
    placed = await order(api, unique.upper(), token)
    assert placed.status_code == 201
    both = f"{token}, {placed.headers['Consistency-Token']}"
    assert (await order(api, unique.upper(), both)).status_code == 201
    path = f"/v1/orders/{placed.json()['order_id']}"
    assert (await api.delete(path, headers={"Consistency-Token": both})).status_code == 200


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("nonsense", "bad_consistency_token"),
        ("{cluster}:no.topic/0@0", "bad_consistency_token"),
        ("{cluster}:orders/9999@0", "bad_consistency_token"),
        ("another-cluster:orders/0@0", "foreign_consistency_token"),
        ("{cluster}:orders/0@999999999999", "future_consistency_token"),
        ("{cluster}:catalog/0@999999999999", "future_consistency_token"),
        ("{token},{cluster}:stock/0@999999999999", "future_consistency_token"),
    ],
)
async def test_a_token_that_no_answer_can_have_given_is_refused(
    api: httpx.AsyncClient, unique: str, token: str, form: str, code: str
) -> None:
    wrong = form.format(cluster=token.split(":", maxsplit=1)[0], token=token)
    requests = [
        order(api, unique.upper(), wrong),
        api.patch("/v1/products/none", json={"price": 3}, headers={"Consistency-Token": wrong}),
        api.delete("/v1/orders/none", headers={"Consistency-Token": wrong}),
    ]
    for refused in [await each for each in requests]:
        assert (refused.status_code, refused.json()["code"]) == (400, code)


async def test_a_token_of_a_record_that_only_the_broker_knows_of_is_taken(
    api: httpx.AsyncClient, settings: Settings, unique: str, token: str
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    try:
        record = await producer.send_and_wait("orders", b"{}", partition=0)
    finally:
        await producer.stop()
    cluster = token.split(":", maxsplit=1)[0]
    assert (await order(api, unique.upper(), f"{cluster}:orders/0@{record.offset}")).status_code == 201
    refused = await order(api, unique.upper(), f"{cluster}:orders/0@{record.offset + 1_000}")
    assert refused.json()["code"] == "future_consistency_token"
