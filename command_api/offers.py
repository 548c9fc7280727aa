"""What the edge puts into commands from the catalog copy: a product's existence, name and price."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from command_api.catalog_copy import CatalogCopy, Offer
from infra.http.problems import Conflict, NotFound, Unavailable

PATIENCE_SECONDS = 0.2
"""How long an unknown product is waited for, since another instance may have added it a moment ago."""
OWN_WRITES_SECONDS = 2.0
"""How long it is waited for while the copy has not reached what this instance itself has acknowledged, or
what the client has seen."""

NOTHING: Mapping[int, int] = MappingProxyType({})


class UnknownProduct(NotFound):
    """No product is known under that id or SKU."""

    code, title = "product_not_found", "There is no such product"


class WithdrawnProduct(Conflict):
    """The product is no longer offered."""

    code, title = "product_withdrawn", "The product is no longer offered"


class CatalogBehind(Unavailable):
    """The copy has not read what this instance or the client knows to be in the catalog, as after a start: an answer
    would be a guess."""

    code, title = "catalog_behind", "The catalog is still being read"


class Offers:
    """Looks offers up for one request. The patience is for the whole request, not for each product of it.

    ``acknowledged`` gives the next offset of each partition of the catalog as this instance's writers know it: what was
    acknowledged here is waited for however long the copy needs, up to ``OWN_WRITES_SECONDS``. So is ``seen``, what the
    client has seen of the catalog, also for an offer that is known: its price may have changed.
    """

    def __init__(
        self, copy: CatalogCopy, acknowledged: Callable[[], Mapping[int, int]], seen: Mapping[int, int] = NOTHING
    ) -> None:
        self._copy = copy
        self._seen = seen
        self._acknowledged = acknowledged
        self._since: float | None = None
        self._reach: Mapping[int, int] = {}
        """What was acknowledged when something was missing first."""

    async def find(self, *, sku: str | None = None, product_id: str | None = None) -> Offer:
        """The offer, withdrawn or not. Raises ``UnknownProduct`` or ``CatalogBehind``."""
        while (offer := self._copy.find(sku=sku, product_id=product_id)) is None or not self._copy.reaches(self._seen):
            if self._since is None:
                self._since, self._reach = time.monotonic(), dict(self._acknowledged())
            behind = not (self._copy.reaches(self._reach) and self._copy.reaches(self._seen))
            left = self._since + (OWN_WRITES_SECONDS if behind else PATIENCE_SECONDS) - time.monotonic()
            if left <= 0:
                if behind:
                    raise CatalogBehind("The catalog is still being read; try again in a moment.")
                named = f"SKU {sku}" if sku is not None else f"id {product_id}"
                asked = {"sku": sku} if sku is not None else {"product_id": product_id}
                raise UnknownProduct(f"No product has the {named}.", **asked)
            await self._copy.moved(left)
        return offer
