"""A story as a tree in the terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from infra.cli import main
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
    nothing: dict[str, Any] = {"stories": [], "disagreements": [], "untold": [], "dead_letters": []}
    told = {"id": "o-1", "stock": None, "truncated": False, **nothing, **changes}
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


def test_what_was_dropped_is_called_dropped_and_what_nobody_can_tell_is_said() -> None:
    dropped = {**QUEUED, "code": "dropped", "error": "sent twice (staff:operator)"}
    assert lines(dead_letters=[dropped], untold=["top_sellers"])[1:] == [
        "dropped from stock: stock/1@7  sent twice (staff:operator)",
        "dead letters of top_sellers are not told: Redis does not answer",
    ]


def test_a_level_that_is_not_the_sum_of_its_movements_comes_first() -> None:
    wrong = {"warehouse_id": "MAIN", "on_hand": 49, "reserved": 3, "moved_on_hand": 50, "moved_reserved": 3}
    shown = lines(stock={"on_hand": 49, "reserved": 3, "available": 46}, disagreements=[wrong], stories=[])
    told = "MAIN: the level says 49 on hand and 3 reserved, its movements add up to 50 and 3; what is right: "
    assert shown[1] == f"{told}./stockroom rebuild stock"


@pytest.mark.parametrize("nothing", ["", " "])
def test_to_name_nothing_is_refused_before_anybody_is_asked(nothing: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", nothing]) == 2
    assert "Name an order" in capsys.readouterr().out
