"""Every read model, in the order in which they are shown and rebuilt. A new one is one file and one line here."""

from projectors.projection import Projection
from projectors.read_models import audit_events, catalog, order_history, sales, stock, top_sellers, voided

PROJECTIONS: tuple[Projection, ...] = (
    catalog.PROJECTION,
    stock.PROJECTION,
    order_history.PROJECTION,
    sales.PROJECTION,
    top_sellers.PROJECTION,
    *audit_events.PROJECTIONS,
    voided.PROJECTION,
)


def named(name: str) -> Projection:
    """The read model called `name`. Raises `KeyError` that lists the known ones."""
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    raise KeyError(f"no projection is called {name!r}; known: {', '.join(p.name for p in PROJECTIONS)}")
