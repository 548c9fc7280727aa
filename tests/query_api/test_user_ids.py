"""Orders of users whose ids are no plain words: an id is opaque, so whatever it holds must be addressable."""

import httpx
import pytest

from tests.projectors.log import placed
from tests.query_api.shelf import Shelf


@pytest.mark.parametrize(
    ("user_id", "path"),
    [
        ("tenant/7", "tenant/7"),
        ("tenant/8", "tenant%2F8"),
        ("/a//b/", "/a//b/"),
        ("latest", "latest"),
        ("x/timeline", "x/timeline"),
        ("Zoë 100%?", "Zo%C3%AB%20100%25%3F"),
    ],
)
async def test_a_users_orders_are_found_whatever_the_id_holds(
    client: httpx.AsyncClient, shelf: Shelf, user_id: str, path: str
) -> None:
    order_id = f"of {user_id}"
    await shelf.feed([shelf.log.add(placed(order_id, {"A": 1}, user_id=user_id))])
    answer = await client.get(f"/v1/orders/user/{path}?limit=5")
    assert [order["order_id"] for order in answer.json()["items"]] == [order_id]


async def test_an_empty_user_id_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/orders/user/")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
