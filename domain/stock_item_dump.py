"""A stock ledger's state as a JSON value and back, for snapshots."""

from rpds import HashTrieMap, Queue

from domain.dumped import Dumped, entries, items, map_of, parts, row, set_of, whole
from domain.stock_item_state import Level, Reservation, StockItem
from event_schemas.stock import Purpose

PURPOSES = {str(purpose): purpose for purpose in Purpose}


def dump(state: StockItem) -> Dumped:
    """The state as lists, strings and whole numbers; of closed reservations all ids in order, then the mere marks."""
    return [
        [[warehouse_id, *level] for warehouse_id, level in entries(state.levels)],
        [
            [reservation_id, warehouse_id, quantity, str(purpose), ref_id, number]
            for reservation_id, (warehouse_id, quantity, purpose, ref_id, number) in entries(state.reservations)
        ],
        list(state.closing_order),
        [reservation_id for reservation_id, known in entries(state.closed) if not known],
        state.next_number,
        [list(receipt) for receipt in state.initial_receipts],
    ]


def load(value: object) -> StockItem:
    """The state that ``dump`` gave. Raises ``ValueError``, ``TypeError`` or ``KeyError`` for anything else."""
    levels, reservations, closing_order, marks, next_number, receipts = parts(value, 6)
    closed = dict.fromkeys(_different(closing_order), True)
    if not closed.keys() >= set(_different(marks)):
        raise ValueError("a mark is not among the closed reservations")
    return StockItem(
        levels=map_of([(w, Level(*level)) for w, *level in (row(one, str, int, int, int) for one in items(levels))]),
        reservations=map_of(
            [
                (reservation_id, Reservation(warehouse_id, quantity, PURPOSES[purpose], ref_id, number))
                for reservation_id, warehouse_id, quantity, purpose, ref_id, number in (
                    row(one, str, str, int, str, str, int) for one in items(reservations)
                )
            ]
        ),
        closed=HashTrieMap(closed | dict.fromkeys(marks, False)),
        closing_order=Queue(closing_order),
        next_number=whole(next_number),
        initial_receipts=set_of([(warehouse, ref) for warehouse, ref in (row(r, str, str) for r in items(receipts))]),
    )


def _different(value: object) -> list[str]:
    """Strings of which none is there twice."""
    found = items(value)
    if not set(map(type, found)) <= {str}:
        raise TypeError("a list of strings was expected")
    if len(set(found)) < len(found):
        raise ValueError("a reservation is there twice")
    return found
