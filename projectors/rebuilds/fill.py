"""Fills generations of one or several projections from one reading of their topic, in large chunks.

A record is read and decoded once for all of them. Those in PostgreSQL commit a chunk in one transaction, those in Redis
after it; so whoever was killed in between leaves some behind, and they catch up alone before all go on together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import asyncpg

from infra.log_batch import Batch, Position
from infra.log_reader import LogReader
from infra.reason import reason
from projectors.back_off import until_there
from projectors.rebuilds.chunk import behind, passed, read_chunk
from projectors.rebuilds.rate import RateLimit
from projectors.rebuilds.row import RebuildRefused
from projectors.rebuilds.watched_reader import WatchedReader
from projectors.stores.postgres_store import PostgresStore, commit_together
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Sorting
from projectors.stores.store import GenerationMoved, ParkedKeys, PositionMoved, Standing

CHUNK = 10_000
"""Records that are folded in memory and committed together."""
FETCH_BYTES = 8 * 1024 * 1024
NOT_OF_THIS_CODE = (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError)
"""What PostgreSQL says of tables that lack what is written; it would say so for ever."""


class Member(NamedTuple):
    """A generation that is filled."""

    store: PostgresStore | RedisStore
    advanced: Callable[[int], None]
    """Hears of the records that were passed."""


class Filler:
    """Reads a topic from the members' positions and commits into them, ``chunk`` records at a time."""

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        pool: asyncpg.Pool,
        members: Sequence[Member],
        chunk: int = CHUNK,
        limit: RateLimit | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._pool = pool
        self._members = members
        self._limit = limit or RateLimit()
        self._chunk = self._limit.chunk(chunk)
        self._parked: dict[Member, ParkedKeys] = {}

    def reader(self, standings: Mapping[int, Standing]) -> LogReader:
        """A reader, not yet started, that goes on from these positions."""
        places: dict[tuple[str, int], Position] = {(self._topic, p): one.position for p, one in standings.items()}
        return WatchedReader(
            self._bootstrap_servers, places, max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=50
        )

    async def fill(self, ends: Mapping[int, int]) -> None:
        """Commit everything up to ``ends``, by partition. Raises ``RebuildRefused`` when the right to fill was lost."""
        while not await until_there(f"rebuild from {self._topic}", lambda: self._fill(ends)):
            pass

    async def _fill(self, ends: Mapping[int, int]) -> bool:
        try:
            front: dict[int, Standing] = {}
            stands: dict[Member, Mapping[int, Standing]] = {}
            for member in self._members:
                loaded = await member.store.load(list(ends))
                self._parked[member], stands[member] = loaded.parked, loaded.standings
            for number in ends:
                front[number] = max((one[number] for one in stands.values()), key=lambda one: one.position.next_offset)
                for member, standings in stands.items():
                    if standings[number].position != front[number].position:
                        await self._read(
                            [member], {number: standings[number]}, {number: front[number].position.next_offset}
                        )
            await self._read(self._members, front, ends)
        except PositionMoved:
            return False  # a commit whose answer was lost: the positions say how far it came
        except GenerationMoved as error:
            raise RebuildRefused(f"another rebuild took over: {error}") from error
        except NOT_OF_THIS_CODE as error:
            why = reason(error)
            raise RebuildRefused(f"{self._topic}: {why}; fill anew what other code began: `--anew`") from error
        return True

    async def _read(
        self, members: Sequence[Member], standings: Mapping[int, Standing], ends: Mapping[int, int]
    ) -> None:
        """Up to ``ends``; of a single partition not a record more, as no record is missing between two offsets."""
        goals = {(self._topic, number): end for number, end in ends.items()}
        if not behind({(self._topic, number): one.position for number, one in standings.items()}, goals):
            return
        async with self.reader(standings) as reader:
            while left := behind(reader.positions, goals):
                if batches := await read_chunk(reader, goals, min(sum(left.values()), self._chunk)):
                    await self._commit(members, batches)

    async def _commit(self, members: Sequence[Member], batches: Sequence[Batch]) -> None:
        sorted_for = self._sorted(members, batches)
        works = [
            (one.store, self._parked[one], sorted_for[one]) for one in members if isinstance(one.store, PostgresStore)
        ]
        together = iter(await commit_together(self._pool, works, batches) if works else ())
        for one in members:
            parked = self._parked[one]
            if isinstance(one.store, RedisStore):
                outcome = await one.store.commit(batches, parked, sorted_for[one])
            else:
                outcome = next(together)
            self._parked[one] = parked.after(outcome)
            one.advanced(passed(batches))
        await self._limit.passed(passed(batches))

    def _sorted(self, members: Sequence[Member], batches: Sequence[Batch]) -> dict[Member, Sorting]:
        """Decoded once for all; but for those that have keys parked, as what queues behind them is not decoded, and for
        those from which records were dropped.
        """
        found: dict[Member, Sorting] = {}
        plain: Sorting | None = None
        for one in members:
            parked = self._parked[one]
            if parked.keys or one.store.voided:
                found[one] = one.store.sort(batches, parked)
            else:
                plain = plain or one.store.sort(batches, parked)
                found[one] = plain.twin()
        return found
