"""Bugs to be planted into running processes, one at a time, so that it is seen that the checker finds them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from command_api.fence.fence import Fence
from command_api.fence.log import Outgoing
from command_api.snapshots.snapshot import Mark
from command_api.writer.batch import BatchMaker, GroupCommit
from command_api.writer.committer import Committer
from command_api.writer.key_window import KeyWindow
from infra.log_batch import Position
from query_api.consistency import Consistency

_background: set[asyncio.Task[Any]] = set()


def acknowledge_before_append() -> None:
    """The answer is given while the batch is still on its way."""

    async def append(self: Fence, records: Sequence[Outgoing]) -> int:
        mine, expected = self.holder, self.position.next_offset
        task = asyncio.create_task(self._log.append(records))
        _background.add(task)
        task.add_done_callback(_background.discard)
        self.mark = Mark(Position(expected + len(records), mine), "")
        return expected

    _replace(Fence, "append", append)


def no_gap_check() -> None:
    """What others wrote before the batch is not read, so a deposition is not seen."""

    async def prove_nothing(self: Fence, base: int, mine: Any) -> None:
        pass

    _replace(Fence, "_prove_gap_void", prove_nothing)


def no_version_check() -> None:
    """If-Match is not looked at."""
    decide = BatchMaker._decide

    def without_version(self: BatchMaker, batch: Any, pending: Any, *others: Any) -> Any:
        pending.intent = pending.intent._replace(expected_version=None)
        return decide(self, batch, pending, *others)

    _replace(BatchMaker, "_decide", without_version)


def no_proof_of_refusals() -> None:
    """What appends nothing is answered on what the writer knows, with neither lease nor beat."""
    prove = Committer._prove

    async def trusting(self: Committer, batch: GroupCommit) -> int:
        return await prove(self, batch) if batch.records else self._fence.position.next_offset - 1

    _replace(Committer, "_prove", trusting)


def forgotten_keys() -> None:
    """No command is recognised by its key."""
    _replace(KeyWindow, "get", lambda self, command_id: None)


def ignored_tokens() -> None:
    """The query API answers at once, whatever the token says."""

    async def reach(self: Consistency, header: str, wait: float, names: Sequence[str]) -> None:
        pass

    _replace(Consistency, "reach", reach)


BUGS: dict[str, Callable[[], None]] = {
    plant.__name__: plant
    for plant in (
        acknowledge_before_append,
        no_gap_check,
        no_version_check,
        no_proof_of_refusals,
        forgotten_keys,
        ignored_tokens,
    )
}


def _replace(owner: type, name: str, other: Callable[..., Any]) -> None:
    assert callable(getattr(owner, name)), f"{owner.__name__}.{name} is not there any more: plant the bug elsewhere"
    setattr(owner, name, other)
