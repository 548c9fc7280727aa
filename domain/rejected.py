"""Why a rule says no. A refusal leaves nothing in the log, so a repeat decides anew.

Rejected
├── NotFound               the aggregate does not exist
└── Conflict               it exists, and its state does not allow this
    ├── ProductExists      the SKU has a product already, with other contents
    ├── ProductGone        the product is withdrawn
    ├── CurrencyDiffers    amounts of two currencies cannot be compared or added up
    ├── InsufficientStock  less is available than would be taken away
    ├── OrderClosed        the order is cancelled, rejected or expired already
"""

from typing import Any


class Rejected(Exception):
    """A broken rule. ``code`` is stable; ``facts`` are the figures that explain it, and become members of the answer:
    none may have a name of RFC 9457, such as ``status``."""

    code = "rejected"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class NotFound(Rejected):
    """No such aggregate; ``code`` says of which kind."""

    code = "not_found"


class ProductNotFound(NotFound):
    """No product has this id."""

    code = "product_not_found"


class OrderNotFound(NotFound):
    """No order has this id."""

    code = "order_not_found"


class ReservationNotFound(NotFound):
    """The SKU holds no such reservation."""

    code = "reservation_not_found"


class Conflict(Rejected):
    """The aggregate's state does not allow the command."""

    code = "conflict"


class ProductExists(Conflict):
    """The SKU belongs to a product with other contents."""

    code = "product_exists"


class ProductGone(Conflict):
    """The product is withdrawn."""

    code = "product_withdrawn"


class CurrencyDiffers(Conflict):
    """Amounts of two currencies cannot be compared or added up."""

    code = "currency_differs"


class InsufficientStock(Conflict):
    """Less is available than the command would take away."""

    code = "insufficient_stock"


class OrderClosed(Conflict):
    """The order is closed, so it cannot be changed any more."""

    code = "order_closed"
