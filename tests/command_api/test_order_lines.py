"""The command that a customer's order becomes."""

from datetime import UTC, datetime, timedelta

import pytest

from command_api.catalog_copy import CatalogCopy, Offer
from command_api.offers import Offers
from command_api.order_lines import Item, placed
from event_schemas.money import Money
from infra.settings import settings


class Everything(CatalogCopy):
    """A catalog in which every SKU is offered."""

    def find(self, *, sku: str | None = None, product_id: str | None = None) -> Offer:
        return Offer("p-1", sku or "A", "A thing", Money(amount=250, currency="USD"))


@pytest.fixture
def offers() -> Offers:
    return Offers(Everything("not connected", 1), lambda: {})


async def test_what_is_ordered_now_expires_as_long_after_it_as_the_settings_say(offers: Offers) -> None:
    before = datetime.now(UTC)
    command = await placed("order-1", [Item(sku="A", quantity=1)], offers)
    assert before <= command.placed_at <= datetime.now(UTC)
    assert command.expires_at == command.placed_at + timedelta(seconds=settings().order_deadline_seconds)


async def test_what_was_ordered_long_ago_has_no_deadline(offers: Offers) -> None:
    long_ago = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    command = await placed("order-1", [Item(sku="A", quantity=1)], offers, placed_at=long_ago)
    assert (command.placed_at, command.expires_at) == (long_ago, None)
