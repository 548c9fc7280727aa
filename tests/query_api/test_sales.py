"""Sales per day over HTTP."""

import httpx
import pytest


async def test_days_are_summed_over_products_and_partitions(client: httpx.AsyncClient) -> None:
    sales = (await client.get("/v1/sales/daily?from=2011-03-01&to=2011-03-03")).json()
    assert [(day["day"], day["quantity"], day["revenue"]) for day in sales["items"]] == [
        ("2011-03-01", 17, 42.5),
        ("2011-03-02", 18, 45.0),
        ("2011-03-03", 2, 5.0),
    ]


async def test_one_sku_is_summed_alone(client: httpx.AsyncClient) -> None:
    sales = (await client.get("/v1/sales/daily?from=2011-03-01&to=2011-03-03&sku=22197")).json()
    assert [(day["day"], day["quantity"]) for day in sales["items"]] == [("2011-03-01", 5), ("2011-03-02", 5)]


@pytest.mark.parametrize("query", ["from=2011-03-02&to=2011-03-01", "from=x", "sku=", "to=0001-01-01"])
async def test_days_that_make_no_sense_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/v1/sales/daily?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
