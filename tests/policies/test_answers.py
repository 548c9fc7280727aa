"""What the answers of the command API mean for the commands that were sent."""

import json
from typing import Any

import pytest

from policies.answers import Settled, settle
from policies.bulk_line import BulkLine

LINES = [BulkLine(f"k{n}", "A", "ReserveStock", b"{}") for n in range(3)]


def settled(*answers: dict[str, Any] | bytes) -> Settled:
    texts = [answer if isinstance(answer, bytes) else json.dumps(answer).encode() for answer in answers]
    return settle(LINES, b"\n".join(texts) + b"\n")


def done(number: int) -> dict[str, Any]:
    return {"key": f"k{number}", "status": 201, "id": "A", "version": 1, "position": "stock/3@17", "replayed": False}


def failed(number: int, status: int, code: str) -> dict[str, Any]:
    return {"key": f"k{number}", "status": status, "code": code, "detail": "why"}


def test_what_is_done_is_done() -> None:
    assert settled(done(0), {**done(1), "status": 200}, {**done(2), "replayed": True}) == Settled([], [], "")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "request_in_progress"),
        (404, "product_not_found"),
        (421, "misdirected"),
        (429, "rate_limited"),
        (500, "internal_error"),
        (503, "outcome_unknown"),
        (503, "partition_unavailable"),
        (503, "log_truncated"),
    ],
)
def test_what_passes_by_itself_is_sent_again(status: int, code: str) -> None:
    result = settled(done(0), failed(1, status, code), done(2))
    assert (result.refusals, result.unsettled) == ([], [LINES[1]])
    assert code in result.reason


@pytest.mark.parametrize(
    ("code", "misplaced"), [("misdirected", True), ("partition_unavailable", True), ("outcome_unknown", False)]
)
def test_it_is_told_when_another_instance_may_hold_the_aggregate(code: str, misplaced: bool) -> None:
    assert settled(done(0), failed(1, 503, code), done(2)).misplaced is misplaced


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "order_not_found"), (422, "validation_failed"), (413, "command_too_large"), (503, "aggregate_quarantined")],
)
def test_what_does_not_pass_by_itself_is_refused_with_its_code(status: int, code: str) -> None:
    result = settled(done(0), failed(1, status, code), done(2))
    assert result.unsettled == []
    assert [(refusal.line.key, refusal.code, refusal.detail) for refusal in result.refusals] == [("k1", code, "why")]


def test_an_answer_that_was_cut_off_leaves_the_rest_unsettled() -> None:
    assert settled(done(0), b'{"key":"k1","stat').unsettled == LINES[1:]


def test_an_answer_to_another_line_settles_nothing() -> None:
    assert settled(done(1), done(0), done(2)).unsettled == LINES[:2]


@pytest.mark.parametrize("answer", [b"[]", b"null", b"<html>", b'{"key":"k0"}', b'{"key":"k0","status":"201"}', b""])
def test_what_is_no_answer_settles_nothing(answer: bytes) -> None:
    assert settled(answer).unsettled == LINES
