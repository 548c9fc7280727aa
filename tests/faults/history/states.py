"""The state of each aggregate at each of its versions, folded once, for the checks of what was decided on it."""

from bisect import bisect_right
from collections.abc import Iterator

from tests.faults.history.evidence import Evidence, Violation
from tests.faults.history.order_story import OrderStory
from tests.faults.history.raw_log import Raw
from tests.faults.history.stock_ledger import Ledger

STATE = "decided on the state before it"


class Prices:
    """What a product costs at each of its versions, in minor units."""

    def __init__(self, records: list[Raw]) -> None:
        priced = [record for record in records if record.type in {"product.added.v1", "product.price_changed.v1"}]
        self._versions = [record.sequence for record in priced]
        self._prices = [_price(record) for record in priced]
        self.wrong = [
            f"version {after.sequence} changes a price of {after.value['old_price']['amount']}, it was {before}"
            for before, after in zip(self._prices, priced[1:], strict=False)
            if after.type != "product.price_changed.v1" or after.value["old_price"]["amount"] != before
        ]

    def price_at(self, version: int) -> int | None:
        """The price once the product had that version; None before it was added."""
        index = bisect_right(self._versions, version)
        return self._prices[index - 1] if index else None


def _price(record: Raw) -> int:
    told = record.value["new_price"] if "new_price" in record.value else record.value["variants"][0]["price"]
    return int(told["amount"])


class States:
    """Ledgers by SKU, stories by order id, prices by product id."""

    def __init__(self, evidence: Evidence) -> None:
        self.ledgers: dict[str, Ledger] = {}
        self.orders: dict[str, OrderStory] = {}
        self.prices: dict[str, Prices] = {}
        self.violations: list[Violation] = []
        for (topic, subject), records in evidence.aggregates.items():
            if any(not isinstance(record.value, dict) for record in records):
                self.violations.append(Violation(STATE, f"{topic} {subject}: an event without a JSON object"))
                continue
            wrong = self._fold(topic, subject, records)
            self.violations += [Violation(STATE, f"{topic} {subject}: {what}") for what in wrong]

    def _fold(self, topic: str, subject: str, records: list[Raw]) -> Iterator[str]:
        if topic == "stock":
            yield from self.ledgers.setdefault(subject, Ledger()).fold(records)
        elif topic == "orders":
            yield from self.orders.setdefault(subject, OrderStory()).fold(records)
        else:
            self.prices[subject] = Prices(records)
            yield from self.prices[subject].wrong

    def ledger(self, sku: str | None) -> Ledger:
        """The ledger of a SKU, an empty one if nothing is known of it."""
        return self.ledgers.get(sku or "") or Ledger()

    def order(self, order_id: str | None) -> OrderStory:
        """The story of an order, an empty one if nothing is known of it."""
        return self.orders.get(order_id or "") or OrderStory()
