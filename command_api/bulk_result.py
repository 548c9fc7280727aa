"""What a bulk request answers to one of its lines."""

import asyncio
from typing import Any

from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer
from infra.http.problems import Problem

Result = dict[str, Any]
Handed = Result | asyncio.Future[Answer] | HeldElsewhere
"""What is known of a line once it is handed in: its result, the answer to come, or that it is not for this instance."""

EXAMPLE = (
    '{"key":"p-1","status":201,"id":"6f8a…","version":1,"position":"catalog/2@17","replayed":false}\n'
    '{"key":"r-1","status":201,"id":"A1","version":1,"position":"stock/3@42","replayed":false}\n'
    '{"key":"o-1","status":201,"id":"d752…","version":1,"position":"orders/5@7878","replayed":false}\n'
    '{"key":"a-1","status":409,"code":"insufficient_stock","detail":"…"}\n'
)
"""The results of ``bulk_line.EXAMPLE``."""


def told(key: str | None, handed: Handed) -> Result | HeldElsewhere:
    """The result of a line, once its answer has come; or that another instance has to give it."""
    if isinstance(handed, HeldElsewhere):
        return handed
    return _answered(key, handed) if isinstance(handed, asyncio.Future) else {"key": key, **handed}


def _answered(key: str | None, future: "asyncio.Future[Answer]") -> Result | HeldElsewhere:
    error = future.exception()
    if error is None:
        return carried_out(key, future.result())
    if isinstance(error, HeldElsewhere):
        return error
    if isinstance(error, Problem):
        return {"key": key, **refused(error)}
    raise error


def carried_out(key: str | None, answer: Answer) -> Result:
    """The result of a line that was carried out, now or before."""
    return {
        "key": key,
        "status": 201 if answer.events or answer.replayed else 200,
        "id": answer.subject,
        "version": answer.version,
        "position": answer.position,
        "replayed": answer.replayed,
    }


def refused(problem: Problem) -> Result:
    """The result of a line that was refused, without its key."""
    return {"status": int(problem.status), "code": problem.code, "detail": problem.detail}
