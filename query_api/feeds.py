"""Which topic and store feeds each read model. The same names as the projections; a test compares them."""

from typing import Literal, NamedTuple

from event_schemas.topics import CATALOG, OPERATIONS, ORDERS, STOCK, TOPICS


class Feed(NamedTuple):
    """A read model as queries know it: its name, the topic it is taken from, and where it lies."""

    name: str
    topic: str
    store: Literal["postgres", "redis"]


def audit_of(topic: str) -> str:
    """Name of the read model that keeps every event of a topic; its rows are the view `audit.<topic>`."""
    return f"audit_{topic}"


FEEDS: dict[str, Feed] = {
    feed.name: feed
    for feed in (
        Feed("catalog", CATALOG.name, "postgres"),
        Feed("stock", STOCK.name, "postgres"),
        Feed("order_history", ORDERS.name, "postgres"),
        Feed("sales", ORDERS.name, "postgres"),
        Feed("top_sellers", ORDERS.name, "redis"),
        *(Feed(audit_of(topic.name), topic.name, "postgres") for topic in TOPICS),
        Feed("voided", OPERATIONS.name, "postgres"),
    )
}
"""Every read model that can be asked, by name."""
