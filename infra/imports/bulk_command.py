"""One command as a line of `POST /v1/bulk`, and what the command API answered to it."""

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from event_schemas.envelope import instant

STANDING = frozenset({"product_exists", "idempotency_key_reused"})
"""Refusals which say that the thing is there already, with other contents."""
_LASTING = frozenset({"aggregate_quarantined", "command_too_large"})
"""Refusals which no repeat will change, whatever their status."""


class BulkCommand(NamedTuple):
    """A command on its way: `kind` is its line in the report, `key` the Idempotency-Key of every attempt."""

    kind: str
    key: str
    line: bytes
    """The NDJSON line, without its end."""
    rows: int = 1
    """Rows of the file that it stands for."""


class Answer(NamedTuple):
    """What became of a command: the HTTP status of its line, and the code and detail of a refusal."""

    status: int
    replayed: bool = False
    code: str = ""
    detail: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the command was carried out, now or before."""
        return self.status < 300

    @property
    def may_pass(self) -> bool:
        """Whether the same line, sent again, may be answered otherwise."""
        if self.code in _LASTING or self.code.startswith("log_"):
            return False
        return self.code == "request_in_progress" or self.status in {429, 502, 503, 504}


def command(kind: str, key: str, fields: dict[str, Any], *, at: datetime | None = None, rows: int = 1) -> BulkCommand:
    """A command ready to be sent: `fields` with its `type`, `at` its business time in UTC."""
    line: dict[str, Any] = {"key": key, "command": fields}
    if at is not None:
        line["at"] = instant(at)
    return BulkCommand(kind, key, orjson.dumps(line), rows)


def answer(line: bytes) -> tuple[str, Answer]:
    """The key and the answer that a line of the reply holds. Raises `ValueError` when it is no whole line."""
    fields = orjson.loads(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), int):
        raise ValueError("the line holds no status")
    return str(fields.get("key") or ""), Answer(
        fields["status"],
        bool(fields.get("replayed", False)),
        str(fields.get("code", "")),
        str(fields.get("detail", "")),
    )
