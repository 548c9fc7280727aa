"""`why` of what was dropped from a policy: nothing followed from it, and that is told where it lies."""

import asyncpg
import httpx

from infra.settings import Settings
from policies.tables import DDL
from query_api.why_dead_letters import MOST
from tests.query_api.shelf import Shelf
from tests.query_api.test_why import a_sale, explained

DROP = """
INSERT INTO policies.dropped (policy, topic, partition, record_offset, key, reason, actor, at)
SELECT 'buy', 'stock', $1, n, $4, 'sent twice', 'staff:operator', now() + make_interval(secs => n)
FROM generate_series($2::bigint, $3::bigint) n
"""


async def test_the_answer_of_the_stock_that_was_dropped_from_a_policy_is_told_with_the_order(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings
) -> None:
    await a_sale(shelf, "d1")
    events = [event for one in (await explained(client, "d1"))["stories"] for event in one["events"]]
    (kept,) = [event for one in events[0]["then"] for event in one["events"]]
    assert (kept["type"], kept["dead_letters"]) == ("stock.reserved.v1", [])
    connection = await asyncpg.connect(own_settings.dsn)
    try:
        await connection.execute(DDL)
        # A record whose key is no text: it is known by its place.
        await connection.execute(DROP, kept["partition"], kept["offset"], kept["offset"], b"\xff\x00")
        events = [event for one in (await explained(client, "d1"))["stories"] for event in one["events"]]
        (letter,) = [letter for one in events[0]["then"] for event in one["events"] for letter in event["dead_letters"]]
        told = letter["reader"], letter["code"], letter["error"], letter["topic"], letter["offset"]
        assert told == ("buy", "dropped", "sent twice (staff:operator)", "stock", kept["offset"])
    finally:
        await connection.execute("DROP SCHEMA policies CASCADE")
        await connection.close()


async def test_of_more_that_was_dropped_of_a_key_the_newest_are_told_and_the_answer_is_called_truncated(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings
) -> None:
    await a_sale(shelf, "d2")
    connection = await asyncpg.connect(own_settings.dsn)
    try:
        await connection.execute(DDL)
        await connection.execute(DROP, 0, 900_001, 900_000 + MOST, b"SKU-d2")
        whole = await explained(client, "SKU-d2")
        assert (len(whole["dead_letters"]), whole["truncated"]) == (MOST, False)
        await connection.execute(DROP, 0, 900_001 + MOST, 900_001 + MOST, b"SKU-d2")
        cut = await explained(client, "SKU-d2")
        assert [one["offset"] for one in cut["dead_letters"]] == [900_001 + n for n in range(1, MOST + 1)]
        assert cut["truncated"]
    finally:
        await connection.execute("DROP SCHEMA policies CASCADE")
        await connection.close()
