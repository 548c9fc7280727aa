"""What can be asked of an order."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from domain.decider import Command
from domain.words import MOST_LINES, BusinessTime, Code, Sku
from event_schemas.order import OrderLine, OrderRejection, StockResult
from event_schemas.topics import ORDERS


class OrderCommand(Command):
    """A command on one order."""

    topic: ClassVar[str] = ORDERS.name
    order_id: Code

    @property
    def aggregate_id(self) -> str:
        """The order's id."""
        return self.order_id


class PlaceOrder(OrderCommand):
    """Order these lines. The edge has put in the id, the times, and each line's name and price.

    With ``expires_at`` the order expires unless it is settled by then; an order from history has none.
    """

    type: Literal["PlaceOrder"] = "PlaceOrder"
    order_number: Code
    user_id: Code | None = None
    placed_at: datetime
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=MOST_LINES)]
    country: Code | None = None
    payment_method: Code | None = None
    expires_at: BusinessTime | None = None


class RecordStock(OrderCommand):
    """Tell the order what some SKUs answered."""

    type: Literal["RecordStock"] = "RecordStock"
    results: Annotated[tuple[StockResult, ...], Field(min_length=1, max_length=2_000)]


class RejectOrder(OrderCommand):
    """Refuse an order that is still pending."""

    type: Literal["RejectOrder"] = "RejectOrder"
    reason: OrderRejection
    skus: tuple[Sku, ...] = ()


class CancelOrder(OrderCommand):
    """Call the order off before anything of it is sent."""

    type: Literal["CancelOrder"] = "CancelOrder"
    reason: Code = "CUSTOMER_REQUEST"
    cancelled_by: Code = "customer"


class ExpireOrder(OrderCommand):
    """The order's deadline has passed. Only the timers of the order's own writer say so, and name which deadline.

    Both values come from the order's state, so they have no bounds that an order could fail to meet.
    """

    type: Literal["ExpireOrder"] = "ExpireOrder"
    order_id: str
    expires_at: AwareDatetime


class FlagOrder(OrderCommand):
    """Have a person look at the order."""

    type: Literal["FlagOrder"] = "FlagOrder"
    reason: Code
    sku: Sku | None = None


AnyOrderCommand = PlaceOrder | RecordStock | RejectOrder | CancelOrder | ExpireOrder | FlagOrder
