"""What the answers to the lines of ``POST /v1/bulk`` mean: done, to be sent again, or refused for good. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from policies.bulk_line import BulkLine

PASSING = frozenset({"request_in_progress", "product_not_found", "misdirected"})
"""Refusals that pass by themselves: a policy knows a product from the log, only the copy at the edge is behind."""
ELSEWHERE = frozenset({"misdirected", "partition_unavailable"})
"""Answers of an instance that does not hold the aggregate, or not yet: another one may."""
NEEDS_A_PERSON = frozenset({"aggregate_quarantined"})
"""Answers of a server in trouble that do not pass by themselves, and concern one aggregate only."""


class Refusal(NamedTuple):
    """A command that was not carried out and never will be as it is. No rule of the domain refuses what a policy asks,
    so the story that it belongs to hangs until a person has looked."""

    line: BulkLine
    status: int
    code: str
    detail: str


class Settled(NamedTuple):
    """What is left of some lines after their answers."""

    refusals: list[Refusal]
    unsettled: list[BulkLine]
    """To be sent again with the same keys, in this order."""
    reason: str
    """Why the first of them is not settled; empty when all are."""
    misplaced: bool = False
    """Some of them may belong to another instance."""


def settle(lines: Sequence[BulkLine], answer: bytes) -> Settled:
    """Match the NDJSON ``answer`` with the lines that were sent. A line without a readable answer is unsettled."""
    refusals: list[Refusal] = []
    unsettled: list[BulkLine] = []
    reason = ""
    misplaced = False
    answers = answer.splitlines()
    for number, line in enumerate(lines):
        told = _read(answers[number]) if number < len(answers) else {}
        status = told.get("status") if told.get("key") == line.key else None
        if not isinstance(status, int):
            unsettled.append(line)
            reason = reason or "a command got no answer"
        elif not 200 <= status < 300:
            code = str(told.get("code", ""))
            misplaced = misplaced or code in ELSEWHERE
            if code in NEEDS_A_PERSON or (400 <= status < 500 and status != 429 and code not in PASSING):
                refusals.append(Refusal(line, status, code, str(told.get("detail", ""))))
            else:
                unsettled.append(line)
                reason = reason or f"{status} {code}: {told.get('detail', '')}"
    return Settled(refusals, unsettled, reason, misplaced)


def _read(line: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
