"""Looking up offers while the catalog copy has not read all: what is missing then may only be late."""

import pytest

from command_api.catalog_copy import CatalogCopy, Offer
from command_api.offers import CatalogBehind, Offers, UnknownProduct
from event_schemas.money import Money


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("command_api.offers.PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr("command_api.offers.OWN_WRITES_SECONDS", 0.02)


async def test_a_product_that_may_not_have_been_read_yet_is_not_called_unknown() -> None:
    offers = Offers(CatalogCopy("not connected", 1), lambda: {0: 5})
    with pytest.raises(CatalogBehind) as behind:
        await offers.find(sku="A")
    assert (behind.value.status, behind.value.code) == (503, "catalog_behind")


async def test_a_product_that_is_missing_from_all_that_is_known_is_unknown() -> None:
    with pytest.raises(UnknownProduct):
        await Offers(CatalogCopy("not connected", 1), lambda: {0: 0}).find(sku="A")


async def test_an_offer_that_is_older_than_what_the_client_has_seen_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = CatalogCopy("not connected", 2)
    offer = Offer("p", "A", "A thing", Money(amount=100, currency="USD"))
    monkeypatch.setitem(copy._by_sku, "A", offer)
    assert await Offers(copy, dict, {}).find(sku="A") == offer
    assert await Offers(copy, dict, {0: 0, 1: 0}).find(sku="A") == offer
    with pytest.raises(CatalogBehind):
        await Offers(copy, dict, {0: 0, 1: 1}).find(sku="A")
