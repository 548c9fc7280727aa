"""The steps of a rebuild over one connection: fill and index, compare, switch. Another turn may begin each again."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from infra.log_reader import LogReader
from projectors.back_off import until_there
from projectors.dead_letters.redrive import Redrive, retry
from projectors.log_ends import LogEnds
from projectors.rebuilds.bulk_group import BulkGroup, Joined
from projectors.rebuilds.compare import Comparison
from projectors.rebuilds.fill import Filler
from projectors.rebuilds.followed_postgres import SWITCH_AGAIN
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.in_redis import RedisTarget
from projectors.rebuilds.progress import Task
from projectors.rebuilds.row import RebuildRefused
from projectors.rebuilds.wait import Patience
from projectors.rebuilds.watched_reader import beyond
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.redis_store import RedisStore
from projectors.stores.store import Loaded, ParkedKeys

NEAR = 1_000
"""So many events behind, the rest is read while the live engine is held back."""

T = TypeVar("T")


class Turn(NamedTuple):
    """One generation on its way, whose ``store`` the ``filler`` fills and whose ``target`` the rest is asked of."""

    topic: str
    target: PostgresTarget | RedisTarget
    store: PostgresStore | RedisStore
    redrive: Redrive
    """Of what is parked in the generation."""
    filler: Filler
    partitions: Sequence[int]
    ends: LogEnds
    task: Task

    async def fill(self, group: BulkGroup, joining: Joined) -> None:
        """All but the last few events: with the group until there are indexes, alone from then on.

        Raises ``RebuildStopped`` or ``LogBroken``.
        """
        indexed = joining.begun.indexed
        if indexed:
            group.leave(joining.projection.name)
        while True:
            loaded = await self._load()
            goal = await self.ends.fresh(self.topic)
            filled = {number: one.position.next_offset for number, one in loaded.standings.items()}
            if beyond(filled, goal):
                raise RebuildRefused(
                    f"{joining.projection.name}: what was filled stands beyond the log's end: `--anew`"
                )
            behind = sum(max(0, goal[number] - filled[number]) for number in self.partitions)
            self.task.expect(behind)
            if indexed and behind < NEAR:
                break
            if indexed:
                await self.filler.fill(goal)
            else:
                await group.fill(joining, goal)
                self.task.says("making indexes")
                await self.target.index()
                indexed = True

    async def compare(self, *, patient: bool) -> Comparison:
        """Compare with the serving generation, which is waited for as ``Patience`` says. What is retried or dropped
        there makes no difference: what is parked in the filled one alone is retried, too. Where that has applied more
        than the log has, it is not compared.
        """
        while True:
            unparked, served = await self.target.unparked(), await self.target.served()
            if lost := beyond(served, await self.ends.fresh(self.topic)):
                return await self.target.sizes(lost)
            if await self.target.parks_alone():
                self.task.says("retrying what is parked")
                await retry(self.redrive)
            self.task.says("comparing")
            act = partial(self.target.compare, patience=Patience(self.task.says, patient))
            compared = await self._caught_up(act)
            if compared.unparked == unparked:
                return compared

    async def switch(self, compared: Comparison, actor: str) -> int:
        """Let the filled generation serve; gives how many keys are parked in it. Raises ``PositionMoved`` when it has
        to be compared again.
        """
        accepted = compared.refuses

        async def act(reader: LogReader, parked: ParkedKeys) -> ParkedKeys:
            outcome = {"events": self.task.done, "accepted": accepted, "compared": compared.described()}
            return await self.target.switch(reader, parked, compared, actor, outcome)

        await self.filler.fill(await self.ends.fresh(self.topic))
        self.task.says("switching")
        return len((await self._caught_up(act)).keys)

    async def _caught_up(self, act: Callable[[LogReader, ParkedKeys], Awaitable[T]]) -> T:
        """Act with a reader at the filled generation's positions, again while queries hold the views. What it reads on
        its way counts.
        """
        while True:
            loaded = await self._load()
            async with self.filler.reader(loaded.standings) as reader:
                try:
                    acted = await act(reader, loaded.parked)
                except SWITCH_AGAIN:
                    self.task.says("queries hold the views, trying again")
                    continue
                passed = [
                    position.next_offset - loaded.standings[number].position.next_offset
                    for (_, number), position in reader.positions.items()
                ]
                self.task.advanced(sum(passed))
                return acted

    async def _load(self) -> Loaded:
        return await until_there("load", lambda: self.store.load(self.partitions))
