"""Several command APIs share the shards: any of them takes any command, and what one has done the others know."""

import httpx
import orjson

from infra.partition_of import partition_of
from infra.settings import Settings
from tests.cluster.instances import new_product, running
from tests.support.ndjson import NDJSON


async def test_every_instance_takes_every_command_and_a_repeat_is_recognised_everywhere(
    settings: Settings, unique: str, client: httpx.AsyncClient
) -> None:
    async with running(settings, 2) as (one, other):
        product = new_product(unique, 0)
        assert (await client.post(f"{one.url}/v1/products", json=product)).status_code == 201
        body = {"items": [{"sku": product["sku"], "quantity": 1}]}
        for number in range(6):
            key = {"Idempotency-Key": f"{unique}-{number}"}
            first = await client.post(f"{one.url}/v1/orders", json=body, headers=key)
            again = await client.post(f"{other.url}/v1/orders", json=body, headers=key)
            reused = await client.post(f"{other.url}/v1/orders", json={**body, "user_id": "x"}, headers=key)
            assert (first.status_code, again.status_code, reused.status_code) == (201, 201, 422)
            assert again.json() == first.json()
            assert again.headers["Idempotent-Replayed"] == "true"
            assert again.headers["Consistency-Token"] == first.headers["Consistency-Token"]
            order = f"/v1/orders/{first.json()['order_id']}"
            stale = await client.request("DELETE", other.url + order, headers={"If-Match": '"7"'})
            assert (stale.status_code, stale.headers["ETag"]) == (412, '"1"')
            assert (await client.delete(one.url + order)).headers["ETag"] == '"2"'


async def test_a_bulk_request_reaches_every_owner_and_is_answered_in_its_order(
    settings: Settings, unique: str, client: httpx.AsyncClient
) -> None:
    async with running(settings, 2) as (one, other):
        lines = [
            {"key": f"{unique}-{number}", "command": {"type": "ReserveStock", "sku": f"{unique}-{number}".upper()}}
            for number in range(40)
        ]
        for line in lines:
            line["command"] |= {"reservation_id": line["key"], "purpose": "SALE", "ref_id": "r", "quantity": 1}  # type: ignore[operator]
        body = b"\n".join(map(orjson.dumps, lines))
        for url, replayed in ((one.url, False), (other.url, True)):
            answer = await client.post(f"{url}/v1/bulk", content=body, headers=NDJSON)
            told = [orjson.loads(line) for line in answer.content.splitlines()]
            assert [line["key"] for line in told] == [line["key"] for line in lines]
            assert {(line["status"], line["replayed"]) for line in told} == {(201, replayed)}


async def test_when_an_instance_leaves_the_others_go_on_with_what_it_did(
    settings: Settings, unique: str, client: httpx.AsyncClient
) -> None:
    async with running(settings, 2) as (one, leaving):
        product = new_product(unique, 0)
        await client.post(f"{one.url}/v1/products", json=product)
        body = {"items": [{"sku": product["sku"], "quantity": 1}]}
        keys = [{"Idempotency-Key": f"{unique}-{number}"} for number in range(12)]
        before = [(await client.post(f"{leaving.url}/v1/orders", json=body, headers=key)).json() for key in keys]
        await leaving.stop()
        after = [await client.post(f"{one.url}/v1/orders", json=body, headers=key) for key in keys]
        assert [answer.json() for answer in after] == before
        assert {answer.headers.get("Idempotent-Replayed") for answer in after} == {"true"}


async def test_a_request_that_was_sent_on_already_is_not_sent_on_again(
    settings: Settings, unique: str, client: httpx.AsyncClient
) -> None:
    async with running(settings, 2) as (one, other):
        owners = (await client.get(f"{one.url}/routing")).json()
        order_id = next(
            f"{unique}-{number}"
            for number in range(1_000)
            if owners["owners"][str(partition_of(f"{unique}-{number}", owners["partitions"]))] == other.url
        )
        headers = {"Stockroom-Forwarded": "1"}
        refused = await client.delete(f"{one.url}/v1/orders/{order_id}", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (421, "misdirected")
        assert refused.json()["generation"] == owners["generation"]
        assert (await client.delete(f"{one.url}/v1/orders/{order_id}")).json()["code"] == "order_not_found"
