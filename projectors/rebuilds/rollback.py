"""The way back after a switch: the generation that was kept serves again, at once, in one transaction.

Nothing is filled. What it lacks since the switch its engine reads from its own positions, if that runs code of its
version; else it serves as it stands, out of date. The generation that served is kept instead, so a second rollback
returns to it.
"""

import asyncio
import time
from typing import Any

import asyncpg
from redis.asyncio import Redis

from infra.reason import reason
from projectors.back_off import AWAY
from projectors.projection import Projection
from projectors.rebuilds.followed_postgres import LOCK_TIMEOUT, SWITCH_AGAIN
from projectors.rebuilds.rolled_back import RolledBack
from projectors.rebuilds.row import RebuildRefused, only_one
from projectors.stores import redis_keys as names
from projectors.stores.audit import audit_generation
from projectors.stores.control_tables import Connection
from projectors.stores.generations import Views, show_views, views_of
from projectors.stores.positions import load_positions
from projectors.stores.projection_row import hold_back, let_go, lock_row
from projectors.stores.redis_positions import fault_in, fields_of, standings_in
from projectors.stores.store import Standing

TRIES = 3
ANSWER_SECONDS = 2.0

_KEPT = "SELECT active_generation, version, kept_generation, kept_version FROM stockroom.projections WHERE name = $1"
_SWAP = """
UPDATE stockroom.projections SET switched_at = now(), switching_until = NULL,
    active_generation = kept_generation, version = kept_version,
    kept_generation = active_generation, kept_version = version
WHERE name = $1
"""


class RollbackRefused(Exception):
    """There is nothing to go back to, or it cannot be done now; the message says why. Nothing has changed."""

    code = "rollback_refused"


async def roll_back(pool: asyncpg.Pool, redis: Redis, projection: Projection, actor: str) -> RolledBack:
    """Let the kept generation serve. Raises ``RollbackRefused``, and what a server that is away raises."""
    async with pool.acquire() as connection:  # which gives the right to rebuild back as it returns to the pool
        try:
            await only_one(connection, projection.name)
            row = await connection.fetchrow(_KEPT, projection.name)
        except RebuildRefused as error:
            raise RollbackRefused(str(error)) from error
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            row = None
        if row is None or row["kept_generation"] is None:
            raise RollbackRefused(f"{projection.name} has no generation before: it was not rebuilt")
        return await _Rollback(connection, redis, projection, actor, row).run()


class _Rollback:
    def __init__(
        self, connection: Connection, redis: Redis, projection: Projection, actor: str, row: asyncpg.Record
    ) -> None:
        self._connection, self._redis = connection, redis
        self._projection, self._actor = projection, actor
        self._serving, self._kept = row["active_generation"], row["kept_generation"]
        self._versions = row["version"], row["kept_version"]

    async def run(self) -> RolledBack:
        name, (before, version) = self._projection.name, self._versions
        now, then = await self._standings(self._serving), await self._standings(self._kept)
        if not then:
            raise RollbackRefused(f"{name}: generation {self._kept} is not there any more")
        if fault := await self._fault():
            raise RollbackRefused(f"{name}: generation {self._kept} {fault}, so nothing would go on from it")
        behind = sum(
            max(0, one.position.next_offset - (then[number].position.next_offset if number in then else 0))
            for number, one in now.items()
        )
        views = await views_of(self._connection, self._projection, self._kept, instead_of=self._serving)
        for _ in range(TRIES):
            began = time.monotonic()
            await hold_back(self._connection, name)
            try:
                await self._change_over(views, behind)
            except SWITCH_AGAIN:
                await let_go(self._connection, name)
                continue
            except BaseException:
                await let_go(self._connection, name)
                raise
            took = (time.monotonic() - began) * 1_000
            code = self._projection.version
            remark = await self._tell_queries()
            return RolledBack(name, self._kept, version, self._serving, before, code, behind, took, remark)
        raise RollbackRefused(f"{name}: queries hold the views, try again")

    async def _change_over(self, views: Views, behind: int) -> None:
        connection, name = self._connection, self._projection.name
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL synchronous_commit = on")
            await lock_row(connection, name)
            await connection.execute(_SWAP, name)
            await show_views(connection, views)
            outcome: dict[str, Any] = {"from": self._serving, "versions": self._versions, "events_behind": behind}
            await audit_generation(connection, self._actor, "rollback", self._projection, self._kept, outcome)

    async def _tell_queries(self) -> str:
        """Queries of a projection in Redis follow once the row is committed, from which a worker's ``load`` tells them
        too: so nothing is half done without PostgreSQL, and no lock waits for Redis. Gives why they do not follow yet.
        """
        if self._projection.store == "redis":
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._redis.set(names.active_key(self._projection.name), self._kept)
            except AWAY as error:
                return f"Redis does not answer ({reason(error)}): queries follow as soon as it does and projectors run."
        return ""

    async def _fault(self) -> str:
        if self._projection.store != "redis":
            return ""
        fields = await fields_of(self._redis, names.prefix(self._projection.name, self._kept))
        return fault_in(fields, self._versions[1])

    async def _standings(self, generation: int) -> dict[int, Standing]:
        if self._projection.store == "redis":
            return standings_in(await fields_of(self._redis, names.prefix(self._projection.name, generation)))
        return (await load_positions(self._connection, self._projection, generation))[0]
