"""The projections of one topic that one rebuild fills together: from one reading, by worker processes where it pays."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import asyncpg

from infra.settings import Settings
from projectors.back_off import until_there
from projectors.projection import Projection
from projectors.rebuilds.bulk_processes import run_workers
from projectors.rebuilds.bulk_worker import Part, Share
from projectors.rebuilds.fill import Filler, Member
from projectors.rebuilds.rate import RateLimit
from projectors.rebuilds.row import Begun

WORTH_A_PROCESS = 50_000
"""Records for which starting another process, which takes a second, pays."""


class Joined(NamedTuple):
    """A generation whose rebuild waits for the group to fill it."""

    projection: Projection
    begun: Begun
    member: Member

    @property
    def generation(self) -> tuple[str, int]:
        """Name of the projection and number of what is filled."""
        return self.projection.name, self.begun.filling


class BulkGroup:
    """Fills once as many rebuilds as were announced have joined it or left, and again for those that join later with
    another generation.
    """

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        topic: str,
        announced: Iterable[str],
        processes: int,
        turn: asyncio.Lock,
        limit: RateLimit | None = None,
    ) -> None:
        """``announced`` are names of projections. ``turn`` is shared by the groups of a rebuild, so that one topic is
        read after another; so is ``limit``, which goes with a single process only.
        """
        self.limit = limit or RateLimit()
        self._settings = settings
        self._pool = pool
        self._topic = topic
        self._missing = set(announced)
        self._processes = processes
        self._turn = turn
        self._complete = asyncio.Event()
        self._joined: dict[str, Joined] = {}
        self._fillings: dict[tuple[str, int], asyncio.Task[None]] = {}
        """By generation what fills or has filled it."""

    async def fill(self, joining: Joined, ends: Mapping[int, int]) -> None:
        """Wait for the others, and until all is committed up to the ``ends`` that the first of them saw.

        Raises ``RebuildRefused`` or ``LogBroken``.
        """
        self.leave(joining.projection.name)
        self._joined[joining.projection.name] = joining
        await self._complete.wait()
        if joining.generation not in self._fillings:
            joined = [one for one in self._joined.values() if one.generation not in self._fillings]
            filling = asyncio.create_task(self._fill(joined, ends))
            self._fillings.update({one.generation: filling for one in joined})
        filling = self._fillings[joining.generation]
        try:
            await filling
        except BaseException:  # so that another turn fills, and does not hear of this again
            self._fillings = {generation: task for generation, task in self._fillings.items() if task is not filling}
            raise

    def leave(self, projection: str) -> None:
        """This one is not to be waited for any more."""
        self._joined.pop(projection, None)
        self._missing.discard(projection)
        if not self._missing:
            self._complete.set()

    async def _fill(self, joined: Sequence[Joined], ends: Mapping[int, int]) -> None:
        async with self._turn:
            loaded = [await until_there("load", partial(one.member.store.load, list(ends))) for one in joined]
            left = {
                number: end - min(one.standings[number].position.next_offset for one in loaded)
                for number, end in ends.items()
            }
            processes = min(self._processes, len(ends), sum(left.values()) // WORTH_A_PROCESS)
            if processes < 2:
                members = [one.member for one in joined]
                servers = self._settings.bootstrap_servers
                await Filler(servers, self._topic, self._pool, members, limit=self.limit).fill(ends)
                return
            parts = [Part(one.projection.name, one.begun.filling, one.begun.bulk is not None) for one in joined]
            shares = [Share(self._topic, parts, {p: ends[p] for p in numbers}) for numbers in split(left, processes)]
            advanced: dict[str, Callable[[int], None]] = {one.projection.name: one.member.advanced for one in joined}
            await run_workers(shares, advanced)


def split(sizes: Mapping[int, int], shares: int) -> Sequence[Sequence[int]]:
    """Partitions shared out so that each share has about as many records: the largest first, to the smallest share."""
    found: list[list[int]] = [[] for _ in range(shares)]
    for number in sorted(sizes, key=lambda number: -sizes[number]):
        min(found, key=lambda share: sum(sizes[one] for one in share)).append(number)
    return found
