"""Rows that come by COPY, in chunks of any size, are the rows that come live."""

import random
from collections.abc import Iterator

import pytest

from event_schemas import order, stock
from event_schemas.event import Event
from event_schemas.record import Recorded
from infra.settings import Settings
from projectors.projection import Projection
from projectors.read_models import registry
from tests.projectors.log import NOON, Log, cancelled, confirmed, placed, received, released, reserved
from tests.projectors.tables import tables_of

BULK = [one for one in registry.PROJECTIONS if one.bulk is not None]
WHATEVER_THE_CHUNK = pytest.mark.parametrize("chunk", [1, 7, 50_000])


def _order(random: random.Random, number: int) -> Iterator[Event]:
    order_id, lines = f"o{number}", {f"S{random.randrange(4)}": random.randrange(1, 5), "T": 1}
    yield placed(order_id, lines, user_id=random.choice([None, "u1"]), price=random.randrange(100, 300))
    outcomes = [order.Outcome.RESERVED, order.Outcome.REJECTED]
    results = [
        order.StockResult(reservation_id=f"{order_id}-{sku}", sku=sku, outcome=random.choice(outcomes)) for sku in lines
    ]
    yield order.OrderStockRecorded(order_id=order_id, results=tuple(results))
    match random.randrange(4):
        case 0:
            yield order.OrderRejected(order_id=order_id, reason=order.OrderRejection.OUT_OF_STOCK, skus=("T",))
        case 1:
            yield order.OrderExpired(order_id=order_id, placed_at=NOON)
        case 2:
            yield confirmed(order_id, lines)
            yield order.OrderFlagged(order_id=order_id, reason="SHORTFALL", sku="T")
            yield order.OrderFlagged(order_id=order_id, reason="SHORTFALL", sku="S1")
        case _:
            yield order.OrderStockConfirmed(order_id=order_id, reservations=())
            yield confirmed(order_id, lines)
            yield cancelled(order_id, lines)


def _item(random: random.Random, number: int) -> Iterator[Event]:
    sku = f"S{number}"
    for turn in range(random.randrange(1, 5)):
        warehouse_id = random.choice(["MAIN", "NORTH"])
        yield received(sku, random.randrange(5, 50), warehouse_id)
        yield reserved(sku, f"r{number}-{turn}", 2, warehouse_id)
        if random.random() < 0.7:
            yield released(sku, f"r{number}-{turn}", 2, warehouse_id)
        yield released(sku, f"gone{number}", 0, None)
        yield stock.StockReservationRejected(
            sku=sku,
            reservation_id=f"no{number}-{turn}",
            purpose=stock.Purpose.SALE,
            ref_id="o",
            requested=turn + 1,
            available=0,
            reason=random.choice(list(stock.RejectionReason)),
        )
        if random.random() < 0.3:
            yield reserved(sku, f"gone{number}", 1, warehouse_id)


def _history(topic: str) -> list[Recorded]:
    """The events of 40 aggregates, each in its partition and in its own order, mixed at random."""
    chance, log = random.Random(7), Log()
    story = _order if topic == "orders" else _item
    left = {number: story(chance, number) for number in range(40)}
    found = []
    while left:
        number = chance.choice(list(left))
        event = next(left[number], None)
        if event is None:
            del left[number]
        else:
            found.append(log.add(event, partition=number % 3))
    return found


@WHATEVER_THE_CHUNK
@pytest.mark.parametrize("projection", BULK, ids=[one.name for one in BULK])
async def test_rows_by_copy_equal_the_live_ones(settings: Settings, projection: Projection, chunk: int) -> None:
    events = _history(projection.topic)
    async with (
        tables_of(settings.dsn, projection) as live,
        tables_of(settings.dsn, projection, bulk=True) as filled,
    ):
        await live.apply(events, 5)
        await filled.copy(events, chunk)
        rows = await live.everything()
        assert all(rows.values())
        assert await filled.everything() == rows
