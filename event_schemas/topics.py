"""The one table of topics. An event topic has the same number of partitions as every other: shard k is partition k."""

from typing import NamedTuple


class Topic(NamedTuple):
    """A topic of events: its name, what its key is, and the aggregates that live in it."""

    name: str
    key: str
    aggregates: tuple[str, ...]

    @property
    def dead_letters(self) -> str:
        """Name of the topic that gets copies of this topic's parked records."""
        return f"{self.name}.dlq"


CATALOG = Topic("catalog", "product_id", ("Product",))
STOCK = Topic("stock", "sku", ("StockItem",))
ORDERS = Topic("orders", "order_id", ("Order",))
OPERATIONS = Topic("operations", "record_id", ("VoidedRecord",))

TOPICS: tuple[Topic, ...] = (CATALOG, STOCK, ORDERS, OPERATIONS)
"""Every event topic, in the order in which they are created and shown."""
