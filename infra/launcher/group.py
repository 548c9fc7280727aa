"""Several programs started together: waiting until all serve, giving up on one that cannot, stopping them in order."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

from infra.launcher.home import Home
from infra.launcher.logs import last_lines
from infra.launcher.program import Program
from infra.launcher.supervised import Supervised

TRIES = 3
SHOWN_LINES = 20


class StartFailed(Exception):
    """Something did not become ready; the message says what, why, and shows its last log lines."""


class Group:
    """Supervised programs that are started and stopped together."""

    def __init__(self, programs: Sequence[Program], home: Home, on_change: Callable[[], None] = lambda: None) -> None:
        self.members = [Supervised(program, home, on_change) for program in programs]
        self._home = home

    def __getitem__(self, name: str) -> Supervised:
        """The member of that name; raises `KeyError` when there is none."""
        return {member.program.name: member for member in self.members}[name]

    async def start(self, seconds: float) -> None:
        """Starts all at once and returns when all are ready.

        Raises `StartFailed` when one ends three times before it was ever ready, or when `seconds` have passed.
        """
        for member in self.members:
            member.start()
        try:
            async with asyncio.timeout(seconds):
                while not all(member.is_ready.is_set() for member in self.members):
                    for member in self.members:
                        if member.deaths_before_ready >= TRIES and not member.is_ready.is_set():
                            raise StartFailed(self._story(member, f"{TRIES} times: {member.reason}"))
                    await asyncio.sleep(0.05)
        except TimeoutError:
            late = next(member for member in self.members if not member.is_ready.is_set())
            raise StartFailed(self._story(late, f"not ready after {seconds:.0f} s: {late.reason}")) from None

    async def stop(self, *, in_turn: bool) -> None:
        """Stops all: the last first and one after another, or all at once.

        In turn too, instances of one program end together: else each would take over what the one before has left.
        """
        if not in_turn:
            await asyncio.gather(*(member.stop() for member in self.members))
            return
        for _, instances in groupby(reversed(self.members), key=lambda member: member.program.command):
            await asyncio.gather(*(member.stop() for member in instances))

    def _story(self, member: Supervised, what: str) -> str:
        path = self._home.log(member.program.name)
        begins = member.log_begins
        lines = last_lines(path, SHOWN_LINES, begins) if begins is not None else []
        if not lines:
            return f"{member.program.name} did not start ({what}). It wrote nothing to {path}."
        shown = "\n".join(f"    {line}" for line in lines)
        return f"{member.program.name} did not start ({what}).\nThe end of {path}:\n{shown}"
