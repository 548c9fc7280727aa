"""SKU and name of products that another store names by their ids, remembered for a moment."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from query_api.postgres import Postgres

NAMES = "SELECT product_id, sku, name FROM catalog.products WHERE product_id = ANY($1::text[])"
SECONDS = 1.0
"""For so long a name is taken to be what it was."""
MOST = 10_000
"""Names that are remembered. Above it all are forgotten."""


class Named(NamedTuple):
    """SKU and name of a product, None while the catalog does not know it yet."""

    sku: str | None
    name: str | None


_NEVER = (float("-inf"), Named(None, None))


class Names:
    """Looks names up in the catalog, each once a second at most."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._known: dict[str, tuple[float, Named]] = {}

    async def of(self, product_ids: Iterable[str], *, now: bool) -> dict[str, Named]:
        """Each id's names. With `now` as the catalog has them, else as it had them `SECONDS` ago at the earliest.

        Raises as `Postgres.rows` does.
        """
        since = time.monotonic()
        oldest = since if now else since - SECONDS
        remembered = {one: self._known.get(one, _NEVER) for one in product_ids}
        names = {one: named for one, (told, named) in remembered.items() if told >= oldest}
        unknown = [one for one in remembered if one not in names]
        if unknown:
            rows = await self._postgres.rows(NAMES, unknown)
            found = dict.fromkeys(unknown, _NEVER[1]) | {row[0]: Named(row[1], row[2]) for row in rows}
            if len(self._known) > MOST:
                self._known.clear()
            self._known |= {one: (since, named) for one, named in found.items()}
            names |= found
        return names
