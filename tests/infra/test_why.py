"""A story as a tree in the terminal."""

import io
from typing import Any

from rich.console import Console

from infra.commands.why import drawn

EVENT: dict[str, Any] = {
    "id": "e-1",
    "type": "order.placed.v1",
    "subject": "o-1",
    "version": 1,
    "topic": "orders",
    "partition": 3,
    "offset": 42,
    "at": "2026-03-01T12:00:00Z",
    "appended_at": "2026-03-01T12:00:00Z",
    "rows": [{"table": "orders.orders", "row": {"status": "PENDING", "reason": None}}],
    "dead_letters": [{"reader": "sales", "code": "apply_failed", "error": "[red]?", "key": "o-1"}],
    "refused": [{"policy": "buy", "command_type": "X", "aggregate_id": "S", "code": "conflict", "detail": "no"}],
    "then": [],
}
COMMAND = {"id": "c-1", "actor": "user:[bold]", "causation_id": "c-1", "correlation_id": "c-1"}
QUEUED = {"reader": "stock", "code": "queued_behind", "error": "x", "topic": "stock", "partition": 1, "offset": 7}


def lines(**changes: Any) -> list[str]:
    told = {"id": "o-1", "stock": None, "stories": [], "dead_letters": [], "truncated": False, **changes}
    out = io.StringIO()
    Console(file=out, width=200).print(drawn(told))
    return [line.strip("│├└─ ") for line in out.getvalue().splitlines()]


def test_a_command_bears_its_events_and_each_event_what_came_of_it() -> None:
    deeper = {**EVENT, "id": "e-2", "type": "stock.reserved.v1", "rows": [], "dead_letters": [], "refused": []}
    following = {**COMMAND, "id": "c-2", "actor": "system:buy", "events": [deeper]}
    assert lines(stories=[{**COMMAND, "events": [{**EVENT, "then": [following]}]}]) == [
        "o-1",
        "user:[bold]  2026-03-01 12:00:00  command c-1",
        "order.placed.v1  o-1  v1  orders/3@42",
        "orders.orders  status=PENDING",
        "dead letter of sales: apply_failed: [red]?",
        "buy: X of S refused, conflict: no",
        "system:buy  2026-03-01 12:00:00  command c-2  story c-1",
        "stock.reserved.v1  o-1  v1  orders/3@42",
    ]


def test_a_number_is_a_sum_and_what_is_left_out_is_said() -> None:
    shown = lines(stock={"on_hand": 50, "reserved": 3, "available": 47}, dead_letters=[QUEUED], truncated=True)
    assert shown[0] == "o-1  47 available = 50 on hand − 3 reserved"
    assert shown[1] == "dead letter of stock: stock/1@7  queued_behind: x"
    assert shown[2].startswith("more has happened than is told")
