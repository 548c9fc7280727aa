"""What the edge puts into commands from the catalog copy: a product's existence, name and price."""

import time

from command_api.catalog_copy import CatalogCopy, Offer
from infra.http.problems import Conflict, NotFound

PATIENCE_SECONDS = 0.2
"""How long an unknown product is waited for, since it may have been added a moment ago."""


class UnknownProduct(NotFound):
    """No product is known under that id or SKU."""

    code, title = "product_not_found", "There is no such product"


class WithdrawnProduct(Conflict):
    """The product is no longer offered."""

    code, title = "product_withdrawn", "The product is no longer offered"


class Offers:
    """Looks offers up for one request. The patience is for the whole request, not for each product of it."""

    def __init__(self, copy: CatalogCopy) -> None:
        self._copy = copy
        self._deadline: float | None = None

    async def find(self, *, sku: str | None = None, product_id: str | None = None) -> Offer:
        """The offer, withdrawn or not. Raises ``UnknownProduct``."""
        offer = self._copy.find(sku=sku, product_id=product_id)
        while offer is None:
            if self._deadline is None:
                self._deadline = time.monotonic() + PATIENCE_SECONDS
            left = self._deadline - time.monotonic()
            if left <= 0 or not await self._copy.moved(left):
                offer = self._copy.find(sku=sku, product_id=product_id)
                break
            offer = self._copy.find(sku=sku, product_id=product_id)
        if offer is None:
            named = f"SKU {sku}" if sku is not None else f"id {product_id}"
            raise UnknownProduct(f"No product has the {named}.", sku=sku, product_id=product_id)
        return offer
