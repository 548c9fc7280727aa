"""A query API of an older release than the events in the audit says so; it does not break."""

import asyncpg
import httpx

from infra.settings import Settings
from tests.projectors.log import confirmed, placed
from tests.query_api.shelf import Shelf
from tests.query_api.test_why import explained


async def test_the_past_that_a_newer_event_made_is_unreadable_and_its_story_is_told_all_the_same(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings
) -> None:
    events = [placed("newer", {"71053": 1}), confirmed("newer", {"71053": 1})]
    await shelf.feed([shelf.log.add(event, command_id=event.wire_name, correlation_id="newer") for event in events])
    connection = await asyncpg.connect(own_settings.dsn)
    rename = "UPDATE audit.orders SET type = 'order.confirmed.v99' WHERE subject = 'newer' AND sequence = 2"
    assert await connection.execute(rename) == "UPDATE 1"
    await connection.close()
    answer = await client.get("/v1/orders/newer", params={"as_of": "2"})
    assert (answer.status_code, answer.json()["code"]) == (503, "event_unreadable")
    assert "order.confirmed.v99" in answer.json()["detail"]
    assert (await client.get("/v1/orders/newer", params={"as_of": "1"})).status_code == 200
    told = [event["type"] for command in (await explained(client, "newer"))["stories"] for event in command["events"]]
    assert told == ["order.placed.v1", "order.confirmed.v99"]
