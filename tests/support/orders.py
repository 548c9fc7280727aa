"""Orders for specifications: lines, placed orders and the answers of their SKUs, with as little to say as possible."""

from datetime import UTC, datetime

from domain.ids import product_id, reservation_id
from domain.order_commands import PlaceOrder
from event_schemas.money import Money
from event_schemas.order import OrderLine, OrderPlaced, Outcome, SoldLine, StockResult

ORDER_ID = "order-1"
PLACED_AT = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
EXPIRES_AT = datetime(2010, 12, 1, 8, 41, tzinfo=UTC)


def pounds(pence: int) -> Money:
    """An amount of pence."""
    return Money(amount=pence, currency="GBP")


def line(number: int, sku: str, quantity: int, pence: int = 255, currency: str = "GBP") -> OrderLine:
    """A line of an order at ``pence`` a piece."""
    price = Money(amount=pence, currency=currency)
    return OrderLine(
        line_id=str(number),
        product_id=product_id(sku),
        sku=sku,
        name=f"Product {sku}",
        quantity=quantity,
        unit_price=price,
        line_total=price.times(quantity),
    )


def lines(*demands: tuple[str, int]) -> tuple[OrderLine, ...]:
    """Lines of (sku, quantity) pairs."""
    return tuple(line(number, sku, quantity) for number, (sku, quantity) in enumerate(demands, start=1))


def place(
    *demands: tuple[str, int],
    order_id: str = ORDER_ID,
    payment_method: str | None = None,
    expires_at: datetime | None = None,
) -> PlaceOrder:
    """The command that orders these."""
    return PlaceOrder(
        order_id=order_id,
        order_number="536365",
        placed_at=PLACED_AT,
        lines=lines(*demands),
        payment_method=payment_method,
        expires_at=expires_at,
    )


def placed(
    *demands: tuple[str, int],
    order_id: str = ORDER_ID,
    payment_method: str | None = None,
    expires_at: datetime | None = None,
) -> OrderPlaced:
    """The event that these were ordered."""
    total = pounds(sum(255 * quantity for _, quantity in demands))
    return OrderPlaced(
        order_id=order_id,
        order_number="536365",
        placed_at=PLACED_AT,
        lines=lines(*demands),
        subtotal=total,
        total=total,
        payment_method=payment_method,
        expires_at=expires_at,
    )


def reserved(sku: str, order_id: str = ORDER_ID) -> StockResult:
    """The SKU has promised the goods, in the warehouse MAIN."""
    return StockResult(
        reservation_id=reservation_id(order_id, sku), sku=sku, outcome=Outcome.RESERVED, warehouse_id="MAIN"
    )


def refused(sku: str, order_id: str = ORDER_ID) -> StockResult:
    """The SKU has refused."""
    return StockResult(reservation_id=reservation_id(order_id, sku), sku=sku, outcome=Outcome.REJECTED)


def sold(*demands: tuple[str, int]) -> tuple[SoldLine, ...]:
    """What a sale counts of these lines."""
    return tuple(
        SoldLine(sku=sku, product_id=product_id(sku), quantity=quantity, line_total=pounds(255 * quantity))
        for sku, quantity in demands
    )
