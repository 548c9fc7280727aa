"""Looking up offers while the catalog copy has not read all: what is missing then may only be late."""

import pytest

from command_api.catalog_copy import CatalogCopy
from command_api.offers import CatalogBehind, Offers, UnknownProduct


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
