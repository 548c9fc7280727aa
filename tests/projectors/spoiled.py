"""Histories that no writer would make: events told again, left out, out of turn, or with values that no table takes."""

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from event_schemas import catalog, order, stock
from event_schemas.envelope import to_headers
from event_schemas.event import Event
from event_schemas.record import LogRecord
from event_schemas.topics import CATALOG, ORDERS, STOCK
from tests.projectors.log import NOON, Log, added, cancelled, confirmed, gbp, placed, received, released, reserved
from tests.projectors.stories import LINES, STORIES

KEYS = 3
PARTITIONS = [0, 1]
HUGE = 10**30
NO_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
"""In UTC it would be of the year before the first."""
LONG_NAME = "".join(chr(0x4E00 + 7919 * number % 20_000) for number in range(3_000))
"""Too long for an index, however it is compressed."""


def _of_catalog(key: str) -> list[Event]:
    first = added("85123A", "Another", 400).model_copy(update={"product_id": key})
    withdrawn = {"product_id": key, "reason": catalog.WithdrawalReason.OTHER}
    return [
        first,
        *(catalog.ProductDescribed(product_id=key, name=name) for name in ("\0", LONG_NAME, "Plain")),
        catalog.ProductDescribed(product_id=key, book=catalog.Book(author="A", published_year=HUGE)),
        catalog.ProductDescribed(product_id=key, book=catalog.Book(author="B")),
        catalog.PriceChanged(product_id=key, sku="85123A", old_price=gbp(1), new_price=gbp(HUGE)),
        catalog.PriceChanged(product_id=key, sku="none", old_price=gbp(1), new_price=gbp(2)),
        *(catalog.ProductWithdrawn(**withdrawn, note=note) for note in ("\0", "note", None)),
    ]


def _of_stock(key: str) -> list[Event]:
    shipped = {"sku": key, "reservation_id": f"{key}-1", "warehouse_id": "MAIN", "ref_id": "o-1", "quantity": 3}
    return [
        received(key, HUGE),
        stock.StockAdjusted(sku=key, warehouse_id="MAIN", delta=-HUGE, reason=stock.AdjustmentReason.LOST),
        released(key, f"{key}-1", 0, None),
        released(key, f"{key}-1", 0, "\0"),
        reserved(key, f"{key}-1", 1).model_copy(update={"expires_at": NO_TIME}),
        *(stock.StockShipped(**shipped, shipment_id=shipment) for shipment in ("\0", "s")),
    ]


def _of_orders(key: str) -> list[Event]:
    no_lines = placed(key, LINES).model_copy(update={"lines": ()})
    large = (order.SoldLine(sku="71053", product_id="p", quantity=HUGE, line_total=gbp(-HUGE)),)
    return [
        placed(key, {"71053": 2}, price=300),
        no_lines,
        no_lines.model_copy(update={"total": gbp(HUGE)}),
        confirmed(key, LINES).model_copy(update={"payment_id": "paid"}),
        confirmed(key, LINES, at=NO_TIME),
        confirmed(key, {}).model_copy(update={"lines": large}),
        cancelled(key, {}).model_copy(update={"sold": large}),
        order.OrderFlagged(order_id=key, reason="\0"),
    ]


SPOILED = {CATALOG.name: _of_catalog, STOCK.name: _of_stock, ORDERS.name: _of_orders}


def _told(topic: str, number: int) -> list[Event]:
    key = f"{topic}-{number}"
    spoiled = SPOILED[topic](key) if topic in SPOILED else []
    return [*STORIES[topic](key, number), *spoiled]


@st.composite
def histories(draw: st.DrawFn, topic: str) -> list[LogRecord]:
    """The records of some keys, each in its partition; now and then one without its key, with a version that is taken
    or far off, or of an impossible time.
    """
    log, records = Log(), []
    told = [_told(topic, number) for number in range(KEYS)]
    for number, index in draw(
        st.lists(st.tuples(st.integers(0, KEYS - 1), st.integers(0, 20)), min_size=2, max_size=30)
    ):
        partition = number % len(PARTITIONS)
        one = log.add(told[number][index % len(told[number])], partition=partition)
        whim = draw(st.integers(0, 30))
        envelope = one.envelope._replace(
            sequence={1: 1, 2: 1_000, 3: HUGE}.get(whim, one.envelope.sequence), time=NO_TIME if whim == 4 else NOON
        )
        key = b"" if whim == 5 and partition == 0 else envelope.subject.encode()
        headers = [(name, value) for name, value in to_headers(envelope._replace(time=NOON)) if name != "ce_time"]
        headers.append(("ce_time", envelope.time.isoformat().encode()))
        records.append(LogRecord(topic, partition, one.offset, one.appended_ms, key, one.value, headers))
    return records
