"""What `why` tells of more than it tells whole: it says so, and tells the newest."""

import asyncpg
import httpx

from event_schemas import order
from infra.settings import Settings
from policies.tables import DDL
from query_api.why_dead_letters import MOST
from tests.projectors.log import placed
from tests.query_api.shelf import Shelf
from tests.query_api.test_why import Json, explained


def letters(shown: Json) -> list[int]:
    """Offsets of the dead letters at events, in the order in which they are told, and of those at none."""
    told = [letter for command in shown["stories"] for event in command["events"] for letter in event["dead_letters"]]
    return [letter["offset"] for letter in [*told, *shown["dead_letters"]]]


async def test_of_more_dead_letters_than_are_told_the_newest_are_and_the_answer_is_called_truncated(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings
) -> None:
    first = shelf.log.add(placed("b1", {"71053": 1}), command_id="b1", correlation_id="b1")
    await shelf.feed([first])
    connection = await asyncpg.connect(own_settings.dsn)
    park = """
    INSERT INTO stockroom.parked
        (projection, generation, topic, partition, record_offset, key, error_code, error, headers, parked_at)
    SELECT 'sales', 1, 'orders', 0, 900000 + n, 'b1', 'apply_failed', 'no', '[]', now() + make_interval(secs => n)
    FROM generate_series($1::int, $2::int) n
    """
    await connection.execute(park, 1, MOST)
    whole = await explained(client, "b1")
    assert (len(letters(whole)), whole["truncated"]) == (MOST, False)
    await connection.execute(park, MOST + 1, MOST + 1)
    cut = await explained(client, "b1")
    assert (letters(cut), cut["truncated"]) == ([900_000 + n for n in range(2, MOST + 2)], True)
    await connection.execute("DELETE FROM stockroom.parked WHERE key = 'b1'")
    await connection.close()


async def test_of_more_refused_commands_than_are_told_the_newest_are_and_the_answer_is_called_truncated(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings
) -> None:
    first = shelf.log.add(placed("b2", {"71053": 1}), command_id="b2", correlation_id="b2")
    await shelf.feed([first])
    connection = await asyncpg.connect(own_settings.dsn)
    await connection.execute(DDL)
    refuse = """
    INSERT INTO policies.refused
        (policy, topic, command_key, command_type, aggregate_id, status, code, detail, line, refused_at)
    SELECT 'buy', 'orders', gen_random_uuid(), 'RecordStock', 'b2', 409, 'no', n::text, $3,
           now() + make_interval(secs => n)
    FROM generate_series($1::int, $2::int) n
    """
    line = f'{{"causation_id": "{first.envelope.id}"}}'
    await connection.execute(refuse, 1, MOST, line)
    (command,) = (await explained(client, "b2"))["stories"]
    assert len(command["events"][0]["refused"]) == MOST
    await connection.execute(refuse, MOST + 1, MOST + 1, line)
    cut = await explained(client, "b2")
    told = [one["detail"] for one in cut["stories"][0]["events"][0]["refused"]]
    assert (told, cut["truncated"]) == ([str(n) for n in range(2, MOST + 2)], True)
    await connection.execute("DROP SCHEMA policies CASCADE")
    await connection.close()


async def test_a_story_of_many_steps_is_told_whole(client: httpx.AsyncClient, shelf: Shelf) -> None:
    steps, cause = 320, "deep-0"
    events = [shelf.log.add(placed("deep", {"71053": 1}), command_id="deep-0", correlation_id="deep")]
    for number in range(1, steps):
        flagged = order.OrderFlagged(order_id="deep", reason="X")
        cause = events[-1].envelope.id
        events.append(shelf.log.add(flagged, command_id=f"deep-{number}", causation_id=cause, correlation_id="deep"))
    await shelf.feed(events)
    shown = await explained(client, "deep")
    found: list[str] = []

    def walk(commands: list[Json]) -> None:
        for command in commands:
            found.append(command["id"])
            for event in command["events"]:
                walk(event["then"])

    walk(shown["stories"])
    assert found == [f"deep-{number}" for number in range(steps)]
    assert len(shown["stories"]) == 4
