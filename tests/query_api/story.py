"""What happened in the shop that the tests of the query API ask about."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from event_schemas import catalog, order
from event_schemas.record import Recorded
from tests.projectors.log import Log, added, cancelled, confirmed, gbp, placed, received, reserved

DAY = datetime(2011, 3, 1, 9, tzinfo=UTC)
BOOKS = (
    ("0439023483", "The Hunger Games", "Suzanne Collins", ["dystopia"]),
    ("0060883286", "Cien años de soledad", "Gabriel García Márquez", ["Macondo", "magic"]),
    ("0451524934", "1984", "George Orwell", ["dystopia", "classic"]),
)
GOODS = (
    ("85123A", "White Hanging Heart T-Light Holder", 255),
    ("71053", "White Metal Lantern", 339),
    ("84406B", "Cream Cupid Hearts Coat Hanger", 275),
    ("22197", "Small Popcorn Holder", 85),
    ("22423", "Regency Cakestand 3 Tier", 1275),
    ("21731", "Red Toadstool LED Night Light", 165),
    ("84879", "Assorted Colour Bird Ornament", 169),
    ("22720", "Set of 3 Cake Tins Pantry Design", 495),
)


def story(log: Log) -> Iterator[Recorded]:
    """Eleven products of which one is withdrawn, stock in two warehouses, and twelve orders over five days; a
    thirteenth, older than all, expired."""
    for number, (isbn, name, author, keywords) in enumerate(BOOKS):
        book = {"author": author, "isbn": isbn, "keywords": keywords}
        yield log.add(added(isbn, name, 900 + number, book=book), at=DAY + timedelta(minutes=number))
    for number, (sku, name, price) in enumerate(GOODS):
        yield log.add(added(sku, name, price), partition=1, at=DAY + timedelta(hours=1 + number))
    yield log.add(
        catalog.PriceChanged(product_id="p-22423", sku="22423", old_price=gbp(1275), new_price=gbp(1095)),
        partition=1,
        at=DAY + timedelta(days=1),
    )
    yield log.add(
        catalog.ProductWithdrawn(product_id="p-84879", reason=catalog.WithdrawalReason.RECALLED, note="Glass bursts"),
        partition=1,
    )
    yield log.add(received("85123A", 50), partition=1)
    yield log.add(received("85123A", 5, "NORTH"), partition=1)
    yield log.add(reserved("85123A", "r1", 3), partition=1)
    yield log.add(received("0439023483", 4))
    for number in range(12):
        yield from _an_order(log, number)
    early = DAY - timedelta(hours=1)
    yield log.add(placed("old", {"71053": 1}, user_id="late", at=early), at=early)
    yield log.add(order.OrderExpired(order_id="old", placed_at=early), at=early + timedelta(minutes=15))


def _an_order(log: Log, number: int) -> Iterator[Recorded]:
    order_id, at, partition = f"o{number:02}", DAY + timedelta(hours=10 * number), number % 3
    lines = {"85123A": 10 + number, "22197": 5} if number % 2 else {"71053": 1}
    user = None if number == 4 else f"u{number % 2}"
    yield log.add(placed(order_id, lines, user_id=user, at=at), partition=partition, at=at)
    if number == 2:
        refusal = order.OrderRejected(order_id=order_id, reason=order.OrderRejection.OUT_OF_STOCK, skus=("71053",))
        yield log.add(refusal, partition=partition, at=at)
        return
    if number != 11:
        yield log.add(confirmed(order_id, lines, at=at), partition=partition, at=at)
    if number == 5:
        yield log.add(cancelled(order_id, lines, at=at), partition=partition, at=at)
