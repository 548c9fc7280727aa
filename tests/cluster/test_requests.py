"""What requests bring, or leave out, where several instances take them."""

import asyncio
from typing import Any

import httpx
import pytest

from infra.partition_of import partition_of
from infra.settings import Settings
from tests.cluster.instances import Instance, new_product, order_id_of, running
from tests.support.poll import until


async def test_what_is_created_without_a_key_is_created_once_wherever_it_is_asked_for(
    settings: Settings, unique: str, client: httpx.AsyncClient
) -> None:
    async with running(settings, 2) as (one, other):
        product = new_product(unique, 0)
        await client.post(f"{one.url}/v1/products", json=product)
        body = {"items": [{"sku": product["sku"], "quantity": 1}]}
        ids = set()
        for number in range(24):
            url = (one.url, other.url)[number % 2]
            lean_or_not = ("application/json", "application/merge-patch+json")[number // 2 % 2]
            placed = await client.post(f"{url}/v1/orders", json=body, headers={"Content-Type": lean_or_not})
            assert (placed.status_code, placed.headers.get("Idempotent-Replayed")) == (201, None), placed.text
            added = await client.post(f"{url}/v1/products", json={"name": "Without a SKU", "price": 1})
            assert added.status_code == 201, added.text
            ids |= {placed.json()["order_id"], added.json()["id"]}
        assert len(ids) == 48


async def test_an_order_that_brings_the_token_of_a_price_waits_until_that_price_is_known(
    settings: Settings, unique: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings, 2) as (one, other):
        product = new_product(unique, 0)
        added = await client.post(f"{one.url}/v1/products", json=product)
        catalog = other.app.state.desk._catalog
        held: list[Any] = []
        await until(lambda: asyncio.sleep(0, catalog.find(sku=product["sku"])), bool)
        take = catalog._take
        monkeypatch.setattr(catalog, "_take", held.append)
        changed = await client.patch(f"{one.url}/v1/products/{added.json()['id']}", json={"price": 9})
        seen = {"Consistency-Token": changed.headers["Consistency-Token"]}
        await until(lambda: asyncio.sleep(0, held), bool)

        keys = iter(await keys_of(client, other, unique))
        body = {"items": [{"sku": product["sku"], "quantity": 1}]}

        async def order(headers: dict[str, str]) -> httpx.Response:
            headers = {"Idempotency-Key": next(keys), **headers}
            return await client.post(f"{other.url}/v1/orders", json=body, headers=headers)

        unaware = await order({})
        assert unaware.json()["total"] == 2.5
        late = await order(seen)
        assert (late.status_code, late.json()["code"]) == (503, "catalog_behind")

        aware = asyncio.create_task(order(seen))
        await asyncio.sleep(0.3)
        assert not aware.done()
        monkeypatch.undo()
        for batch in held:
            take(batch)
        assert (await aware).json()["total"] == 9


async def keys_of(client: httpx.AsyncClient, instance: Instance, unique: str) -> list[str]:
    """Keys of orders that this instance holds."""
    table = (await client.get(f"{instance.url}/routing")).json()
    mine = {int(shard) for shard, url in table["owners"].items() if url == instance.url}

    keys = [f"{unique}-{number}" for number in range(100)]
    return [key for key in keys if partition_of(order_id_of(key), table["partitions"]) in mine]
