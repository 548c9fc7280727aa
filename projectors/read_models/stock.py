"""Read model `stock`: levels per SKU and warehouse, reservations, every movement with the balance after it.

All rows of a SKU come from one partition. Refused reservations change no level; they are counted per SKU and reason.
"""

from collections.abc import Sequence

from event_schemas.record import Recorded
from event_schemas.topics import STOCK
from projectors.projection import Projection, Statement
from projectors.read_models.rows import over
from projectors.read_models.stock_bulk import BULK
from projectors.read_models.stock_fold import folded
from projectors.read_models.stock_sql import (
    DDL,
    INDEXES,
    KEYS,
    LEVELS,
    MOVEMENTS,
    REJECTIONS,
    RESERVATIONS,
    TRANSITIONS,
)


def apply(events: Sequence[Recorded]) -> list[Statement]:
    """The statements of a batch. Movements come first: they read the levels as they were before the batch.

    Raises `KeyError` for an event that is not of the stock ledger.
    """
    fold = folded(events)
    return [
        *over(MOVEMENTS, fold.movements),
        *over(LEVELS, ((*place, *level) for place, level in fold.levels.items())),
        *over(RESERVATIONS, map(tuple, fold.reservations.values())),
        *over(TRANSITIONS, fold.transitions.values()),
        *over(REJECTIONS, ((*key, *row) for key, row in fold.rejections.items())),
    ]


PROJECTION = Projection(
    name="stock",
    version=1,
    topic=STOCK.name,
    store="postgres",
    tables=("levels", "reservations", "movements", "rejections"),
    ddl=DDL,
    keys=KEYS,
    indexes=INDEXES,
    apply=apply,
    public_schema="stock",
    bulk=BULK,
)
"""Stock levels and movements."""
