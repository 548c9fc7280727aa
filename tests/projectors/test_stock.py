"""The read model `stock`: its fold without a server, its statements in the real PostgreSQL."""

import random
from collections.abc import AsyncIterator

import pytest

from event_schemas import stock
from event_schemas.record import Recorded
from infra.settings import Settings
from projectors.read_models.stock import PROJECTION, apply
from tests.projectors.log import Log, placed, received, released, reserved
from tests.projectors.tables import Tables, tables_of

LEVELS = "SELECT sku, warehouse_id, on_hand, reserved, on_loan, available FROM {schema}.levels ORDER BY 1, 2"
BALANCES = "SELECT kind, on_hand_delta, reserved_delta, balance_after FROM {schema}.movements ORDER BY record_offset"


@pytest.fixture
async def tables(settings: Settings) -> AsyncIterator[Tables]:
    async with tables_of(settings.dsn, PROJECTION) as made:
        yield made


def shipped(sku: str, reservation_id: str, quantity: int) -> stock.StockShipped:
    return stock.StockShipped(
        sku=sku, reservation_id=reservation_id, warehouse_id="MAIN", ref_id="o", quantity=quantity, shipment_id="s1"
    )


def refused(sku: str, requested: int) -> stock.StockReservationRejected:
    return stock.StockReservationRejected(
        sku=sku,
        reservation_id="r9",
        purpose=stock.Purpose.SALE,
        ref_id="o9",
        requested=requested,
        available=0,
        reason=stock.RejectionReason.OUT_OF_STOCK,
    )


def test_nothing_gives_no_statement() -> None:
    assert apply([]) == []


def test_levels_of_a_batch_are_one_row_a_sku_and_warehouse() -> None:
    log = Log()
    events = [log.add(received("A", n, warehouse)) for n in (1, 2, 3) for warehouse in ("MAIN", "NORTH")]
    levels = apply(events)[1]
    assert levels.args == (("A", "A"), ("MAIN", "NORTH"), (6, 6), (0, 0))


def test_movements_come_before_the_levels_that_they_read() -> None:
    log = Log()
    statements = apply([log.add(received("A", 5)), log.add(reserved("A", "r1", 2))])
    assert [statement.sql.split()[2].split(".")[1] for statement in statements] == [
        "movements",
        "levels",
        "reservations",
    ]


def test_a_reservation_that_ends_in_its_batch_is_written_once_in_its_last_state() -> None:
    log = Log()
    statements = apply([log.add(reserved("A", "r1", 2)), log.add(released("A", "r1", 2))])
    assert len(statements) == 3
    assert statements[2].args[0] == ("r1",)
    assert statements[2].args[7] == ("RELEASED",)


def test_an_event_of_another_topic_is_refused() -> None:
    with pytest.raises(KeyError):
        apply([Log().add(placed("o1", {"A": 1}))])


def test_a_release_of_goods_without_a_warehouse_is_refused() -> None:
    with pytest.raises(ValueError, match="names no warehouse"):
        apply([Log().add(released("A", "r1", 2, warehouse_id=None))])


@pytest.mark.parametrize("batch_size", [1, 2, 100])
async def test_every_movement_carries_the_balance_after_it(tables: Tables, batch_size: int) -> None:
    log = Log()
    story = [
        received("A", 10),
        reserved("A", "r1", 4),
        released("A", "r1", 4),
        reserved("A", "r2", 3),
        shipped("A", "r2", 3),
        stock.StockAdjusted(sku="A", warehouse_id="MAIN", delta=-2, reason=stock.AdjustmentReason.DAMAGED),
        stock.StockCounted(sku="A", warehouse_id="MAIN", previous_quantity=5, counted_quantity=9),
    ]
    await tables.apply([log.add(event) for event in story], batch_size)
    assert [tuple(row.values()) for row in await tables.rows(BALANCES)] == [
        ("RECEIVED", 10, 0, 10),
        ("RESERVED", 0, 4, 6),
        ("RELEASED", 0, -4, 10),
        ("RESERVED", 0, 3, 7),
        ("SHIPPED", -3, -3, 7),
        ("ADJUSTED", -2, 0, 5),
        ("COUNTED", 4, 0, 9),
    ]
    assert [tuple(row.values()) for row in await tables.rows(LEVELS)] == [("A", "MAIN", 9, 0, 0, 9)]


@pytest.mark.parametrize("batch_size", [1, 100])
async def test_the_balance_is_that_of_the_warehouse(tables: Tables, batch_size: int) -> None:
    log = Log()
    await tables.apply([log.add(received("A", 5)), log.add(received("A", 7, "NORTH"))], batch_size)
    assert [row["balance_after"] for row in await tables.rows(BALANCES)] == [5, 7]


@pytest.mark.parametrize("batch_size", [1, 100])
async def test_reservations_show_how_they_ended(tables: Tables, batch_size: int) -> None:
    log = Log()
    story = [
        received("A", 10),
        *(reserved("A", name, 1) for name in ("r1", "r2", "r3")),
        released("A", "r1", 1),
        shipped("A", "r2", 1),
        released("A", "r4", 0, warehouse_id=None),
    ]
    await tables.apply([log.add(event) for event in story], batch_size)
    rows = await tables.rows(
        "SELECT reservation_id, state, reason, shipment_id, quantity FROM {schema}.reservations ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("r1", "RELEASED", "CANCELLED", None, 1),
        ("r2", "SHIPPED", None, "s1", 1),
        ("r3", "RESERVED", None, None, 1),
        ("r4", "RELEASED", "CANCELLED", None, 0),
    ]


@pytest.mark.parametrize("batch_size", [1, 100])
async def test_an_id_promised_again_after_its_tombstone_is_a_live_reservation(tables: Tables, batch_size: int) -> None:
    log = Log()
    story = [received("A", 3), released("A", "r1", 0), reserved("A", "r1", 2)]
    await tables.apply([log.add(event) for event in story], batch_size)
    rows = await tables.rows("SELECT state, reason, closed_at, quantity FROM {schema}.reservations")
    assert [tuple(row.values()) for row in rows] == [("RESERVED", None, None, 2)]


async def test_refusals_are_counted_and_move_nothing(tables: Tables) -> None:
    log = Log()
    await tables.apply([log.add(refused("A", 3)), log.add(refused("A", 4))])
    await tables.apply([log.add(refused("A", 5))])
    rows = await tables.rows("SELECT sku, reason, count, quantity FROM {schema}.rejections")
    assert [tuple(row.values()) for row in rows] == [("A", "OUT_OF_STOCK", 3, 12)]
    assert await tables.rows(BALANCES) == []


async def test_batches_of_any_size_fill_the_same_tables(settings: Settings) -> None:
    events = _history(random.Random(7), 400)
    found = []
    for size in (1, 7, 400):
        async with tables_of(settings.dsn, PROJECTION) as made:
            await made.apply(events, size)
            found.append(await made.everything())
    assert found[0] == found[1] == found[2]
    assert found[0]["movements"]


def _history(dice: random.Random, length: int) -> list[Recorded]:
    log, live, events = Log(), dict[str, tuple[str, int, int]](), list[Recorded]()
    for number in range(length):
        partition = dice.randrange(3)
        sku = f"S{partition}{dice.randrange(3)}"
        choice = dice.random()
        if choice < 0.3 or not live:
            events.append(log.add(received(sku, dice.randint(1, 50)), partition=partition))
        elif choice < 0.7:
            live[f"r{number}"] = (sku, partition, quantity := dice.randint(1, 5))
            events.append(log.add(reserved(sku, f"r{number}", quantity), partition=partition))
        else:
            name = dice.choice(sorted(live))
            sku, partition, quantity = live.pop(name)
            made = released(sku, name, quantity) if choice < 0.85 else shipped(sku, name, quantity)
            events.append(log.add(made, partition=partition))
    return events
