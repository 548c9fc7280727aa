"""The read model `order_history`: its fold without a server, its statements in the real PostgreSQL."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_schemas import order
from event_schemas.event import REGISTRY, Event
from event_schemas.record import Recorded
from infra.settings import Settings
from projectors.read_models.order_history import PROJECTION, apply
from projectors.read_models.order_story import MOST_SKUS, story
from tests.projectors.log import NOON, Log, cancelled, confirmed, placed, received
from tests.projectors.tables import Tables, tables_of
from tests.support.any_event import any_of


@pytest.fixture
async def tables(settings: Settings) -> AsyncIterator[Tables]:
    async with tables_of(settings.dsn, PROJECTION) as made:
        yield made


def rejected(order_id: str, *skus: str) -> order.OrderRejected:
    return order.OrderRejected(order_id=order_id, reason=order.OrderRejection.OUT_OF_STOCK, skus=skus)


def recorded_stock(order_id: str, answers: dict[str, str]) -> order.OrderStockRecorded:
    results = [
        order.StockResult(reservation_id=f"{order_id}-{sku}", sku=sku, outcome=order.Outcome(outcome))
        for sku, outcome in answers.items()
    ]
    return order.OrderStockRecorded(order_id=order_id, results=tuple(results))


def flagged(order_id: str, sku: str) -> order.OrderFlagged:
    return order.OrderFlagged(order_id=order_id, reason="SHORTFALL", sku=sku)


def expired(order_id: str) -> order.OrderExpired:
    reference = order.ReservationRef(sku="A", reservation_id=f"{order_id}-A")
    return order.OrderExpired(order_id=order_id, placed_at=NOON, to_release=(reference,))


def three_orders() -> list[Recorded]:
    log = Log()
    told = [
        (0, placed("o1", {"A": 2, "B": 1})),
        (1, placed("o2", {"A": 1}, user_id=None)),
        (0, recorded_stock("o1", {"A": "RESERVED", "B": "RESERVED"})),
        (1, recorded_stock("o2", {"A": "REJECTED"})),
        (1, rejected("o2", "A")),
        (0, order.OrderStockConfirmed(order_id="o1", reservations=())),
        (0, confirmed("o1", {"A": 2, "B": 1})),
        (0, flagged("o1", "A")),
        (0, flagged("o1", "B")),
        (1, placed("o3", {"C": 5})),
        (1, cancelled("o3", {})),
    ]
    return [log.add(event, partition=partition) for partition, event in told]


def test_nothing_gives_no_statement() -> None:
    assert apply([]) == []


def test_an_order_that_settles_in_its_batch_is_written_once() -> None:
    statements = apply(three_orders())
    assert [statement.sql.split()[2].split(".")[1] for statement in statements] == ["orders", "lines", "timeline"]
    assert statements[0].args[:2] == (("o1", "o2", "o3"), ("CONFIRMED", "REJECTED", "CANCELLED"))


def test_an_event_of_another_topic_is_refused() -> None:
    with pytest.raises(KeyError):
        apply([Log().add(received("A", 1))])


def told_of(event: Event) -> dict[str, Any]:
    """The story of an event, read back."""
    told: dict[str, Any] = json.loads(story(event))
    return told


def test_the_story_counts_lines_and_names_refused_skus() -> None:
    assert told_of(placed("o1", {"A": 2, "B": 1}))["lines_count"] == 2
    assert "lines" not in told_of(placed("o1", {"A": 2}))
    assert told_of(recorded_stock("o1", {"A": "RESERVED", "B": "REJECTED"})) == {
        "reserved_count": 1,
        "refused_count": 1,
        "refused_skus": ["B"],
    }
    many = [f"S{number}" for number in range(700)]
    told = told_of(rejected("o1", *many))
    assert (told["skus_count"], told["skus"]) == (700, many[:MOST_SKUS])


@given(any_event=st.one_of(*(any_of(cls) for cls in REGISTRY.values() if cls.topic == "orders")))
def test_the_fields_of_a_story_are_those_of_the_event_as_json(any_event: Event) -> None:
    lists = {name for name, value in any_event if isinstance(value, tuple)}
    told = told_of(any_event)
    if not isinstance(any_event, order.OrderStockRecorded):
        fields = any_event.model_dump(mode="json", exclude={"order_id", *lists}, exclude_none=True)
        assert {name: told[name] for name in fields} == fields
        assert set(told) - set(fields) <= {f"{name}_count" for name in lists} | {"skus"}


def test_the_story_of_a_big_order_stays_small() -> None:
    assert len(story(placed("o1", {f"S{number}": 1 for number in range(675)}))) < 500


@pytest.mark.parametrize("batch_size", [1, 2, 100])
async def test_orders_show_status_totals_and_flags(tables: Tables, batch_size: int) -> None:
    await tables.apply(three_orders(), batch_size)
    rows = await tables.rows(
        "SELECT order_id, status, reason, user_id, total, currency, line_count, quantity, version, "
        "jsonb_array_length(flags) AS flags, settled_at, placed_at FROM {schema}.orders ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("o1", "CONFIRMED", None, "u1", 750, "GBP", 2, 3, 6, 2, NOON, NOON),
        ("o2", "REJECTED", "OUT_OF_STOCK", None, 250, "GBP", 1, 1, 3, 0, NOON, NOON),
        ("o3", "CANCELLED", "CHANGED_MIND", "u1", 1250, "GBP", 1, 5, 2, 0, None, NOON),
    ]


async def test_lines_keep_their_order_and_frozen_prices(tables: Tables) -> None:
    await tables.apply(three_orders())
    rows = await tables.rows(
        "SELECT line_number, sku, name, quantity, unit_price, line_total FROM {schema}.lines WHERE order_id = 'o1'"
    )
    assert [tuple(row.values()) for row in rows] == [
        (1, "A", "Name of A", 2, 250, 500),
        (2, "B", "Name of B", 1, 250, 250),
    ]


async def test_the_timeline_has_a_row_for_every_event(tables: Tables) -> None:
    await tables.apply(three_orders(), 3)
    rows = await tables.rows(
        "SELECT sequence, type, data FROM {schema}.timeline WHERE order_id = 'o1' ORDER BY sequence"
    )
    assert [row["type"] for row in rows] == [
        "order.placed",
        "order.stock_recorded",
        "order.stock_confirmed",
        "order.confirmed",
        "order.flagged",
        "order.flagged",
    ]
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert json.loads(rows[4]["data"]) == {"reason": "SHORTFALL", "sku": "A"}


@pytest.mark.parametrize("batch_size", [1, 100])
async def test_an_order_whose_deadline_passed_is_expired_and_says_so_in_its_timeline(
    tables: Tables, batch_size: int
) -> None:
    log, deadline = Log(), NOON + timedelta(minutes=15)
    asked = placed("o1", {"A": 2}).model_copy(update={"expires_at": deadline})
    late = recorded_stock("o1", {"A": "RESERVED"})
    events = [log.add(asked), log.add(expired("o1"), at=deadline, actor="system:timer"), log.add(late, at=deadline)]
    await tables.apply(events, batch_size)
    rows = await tables.rows("SELECT status, reason, settled_at, cancelled_at, version FROM {schema}.orders")
    assert [tuple(row.values()) for row in rows] == [("EXPIRED", None, deadline, None, 3)]
    told = await tables.rows("SELECT type, actor, at, data FROM {schema}.timeline ORDER BY sequence")
    assert [(row["type"], row["actor"], row["at"]) for row in told[1:]] == [
        ("order.expired", "system:timer", deadline),
        ("order.stock_recorded", "user:u1", deadline),
    ]
    assert datetime.fromisoformat(json.loads(told[0]["data"])["expires_at"]) == deadline
    assert json.loads(told[1]["data"])["to_release_count"] == 1


async def test_batches_of_any_size_fill_the_same_tables(settings: Settings) -> None:
    events = three_orders()
    found = []
    for size in (1, 4, 100):
        async with tables_of(settings.dsn, PROJECTION) as made:
            await made.apply(events, size)
            found.append(await made.everything())
    assert found[0] == found[1] == found[2]
