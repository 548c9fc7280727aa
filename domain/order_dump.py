"""An order's state as a JSON value and back, for snapshots."""

from datetime import datetime

from domain.dumped import Dumped, entries, items, map_of, parts, row, set_of, text, text_or_none, whole
from domain.order_state import Line, Order
from event_schemas.order import OrderStatus, Outcome

STATUSES: dict[str | None, OrderStatus | None] = {None: None, **{str(status): status for status in OrderStatus}}
OUTCOMES = {str(outcome): outcome for outcome in Outcome}


def dump(state: Order) -> Dumped:
    """The state as lists, strings, whole numbers and None. Times keep their offset from UTC."""
    return [
        state.order_id,
        None if state.status is None else str(state.status),
        state.placed_at.isoformat(),
        None if state.expires_at is None else state.expires_at.isoformat(),
        state.currency,
        state.total,
        state.payment_method,
        [list(line) for line in state.lines],
        [[sku, str(outcome), warehouse_id] for sku, (outcome, warehouse_id) in entries(state.results)],
        [list(flag) for flag in state.flags],
    ]


def load(value: object) -> Order:
    """The state that ``dump`` gave. Raises ``ValueError``, ``TypeError`` or ``KeyError`` for anything else."""
    order_id, status, placed_at, expires_at, currency, total, payment_method, lines, results, flags = parts(value, 10)
    return Order(
        text(order_id),
        STATUSES[status],
        datetime.fromisoformat(placed_at),
        text(currency),
        whole(total),
        text_or_none(payment_method),
        tuple([Line(*row(line, str, str, str, int, int)) for line in items(lines)]),
        map_of([_result(*parts(result, 3)) for result in items(results)]),
        set_of([_flag(*parts(flag, 2)) for flag in items(flags)]),
        None if expires_at is None else _deadline(expires_at),
    )


def _result(sku: object, outcome: str, warehouse_id: object) -> tuple[str, tuple[str, str | None]]:
    return text(sku), (OUTCOMES[outcome], text_or_none(warehouse_id))


def _flag(reason: object, sku: object) -> tuple[str, str | None]:
    return text(reason), text_or_none(sku)


def _deadline(told: str) -> datetime:
    at = datetime.fromisoformat(told)
    if at.tzinfo is None:
        raise ValueError("the deadline has no time zone")
    return at
