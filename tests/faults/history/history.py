"""The history of a run: every operation as it was invoked and completed, in memory and as JSON lines."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

import orjson

from tests.faults.history.operation import Answer, JsonObject, Operation, Outcome, Request
from tests.faults.history.read import Read

DEFINITE = (Outcome.OK, Outcome.FAIL)


class History:
    """Operations by number. Written to ``path`` as they happen, so that a run that broke off can be looked at."""

    def __init__(self, path: Path | None = None) -> None:
        self.operations: list[Operation] = []
        self.reads: list[Read] = []
        self.acknowledged = 0
        """Commands that were acknowledged, repeats not counted."""
        self._file: IO[bytes] | None = path.open("wb") if path is not None else None

    def invoke(self, client: int, instance: int, request: Request) -> Operation:
        """Note that a request is being sent."""
        operation = Operation(len(self.operations), client, instance, request, time.monotonic())
        self.operations.append(operation)
        self._write({"invoke": operation.number, "at": operation.invoked, "client": client, "instance": instance,
                     **asdict(request)})  # fmt: skip
        return operation

    def complete(
        self,
        operation: Operation,
        outcome: Outcome,
        *,
        status: int = 0,
        code: str = "",
        answer: Answer | None = None,
        facts: JsonObject | None = None,
    ) -> Operation:
        """Note how it ended. What is unknown never completes: it may still happen at any time."""
        operation.outcome, operation.status, operation.code = outcome, status, code
        operation.answer, operation.facts = answer, facts or {}
        now = time.monotonic()
        self.acknowledged += outcome is Outcome.OK and answer is not None and not answer.replayed
        if outcome in DEFINITE:
            operation.completed = now
        told = {"status": status, "code": code, "answer": asdict(answer) if answer else None, "facts": operation.facts}
        self._write({"complete": operation.number, "at": now, "outcome": outcome.value, **told})
        return operation

    def read(self, read: Read) -> None:
        """Note a query that was answered."""
        self.reads.append(read)
        self._write({"read": asdict(read)})

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def count(self, outcome: Outcome) -> int:
        """How many operations ended so."""
        return sum(operation.outcome is outcome for operation in self.operations)

    def acknowledged_commands(self) -> int:
        """Different commands that were acknowledged at least once, whether they changed something or not."""
        return len({(o.request.route, o.request.key) for o in self.operations if o.outcome is Outcome.OK})

    def close(self) -> None:
        """Write out what is buffered."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: JsonObject) -> None:
        if self._file is not None:
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
