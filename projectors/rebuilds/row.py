"""A rebuild's entry in the projection's row: which generation it fills, that it is the only one, and the switch."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from projectors.projection import Bulk, Projection
from projectors.stores.audit import audit_generation
from projectors.stores.control_tables import Connection, rebuild_lock
from projectors.stores.generations import create_generation, drop_generation, known_generations
from projectors.stores.projection_row import prepare_projection
from projectors.stores.store import Place, StoreDamaged
from projectors.stores.voids import voids_of

LOOK_SECONDS = 0.1


class RebuildStopped(Exception):
    """The rebuild ended before it switched; the message names the projection and says why. What serves is untouched."""

    code = "rebuild_failed"
    exit_code = 1
    state = "failed"
    """Of its run, as `/v1/rebuilds` shows it."""


class RebuildFailed(RebuildStopped):
    """Something that it needs did not work. What was filled stays, and the next rebuild goes on with it."""


class RebuildRefused(RebuildStopped):
    """The rebuild cannot be done, or was taken over."""

    code = "rebuild_refused"
    state = "refused"


class SeveralStopped(RebuildStopped):
    """Several rebuilds of one command ended so; the message has each reason once. It was refused if all were."""

    def __init__(self, several: Sequence[RebuildStopped]) -> None:
        super().__init__("\n".join(dict.fromkeys(str(one) for one in several)))
        self.exit_code = max(one.exit_code for one in several)
        if all(one.state == RebuildRefused.state for one in several):
            self.code, self.state = RebuildRefused.code, RebuildRefused.state


def damaged(error: StoreDamaged) -> RebuildRefused:
    """Why a rebuild does not go on with what was filled, and what helps."""
    return RebuildRefused(f"{error}, with `--anew`: what was filled is not gone on with.")


class Begun(NamedTuple):
    """What a rebuild fills, and beside what."""

    serving: int
    serving_version: int
    filling: int
    resumed: bool
    """It goes on from the positions of an earlier rebuild that did not end."""
    indexed: bool
    bulk: Bulk | None = None
    """How it is filled as long as it is not indexed; None when it has its keys."""
    voids: frozenset[Place] = frozenset()
    """What was given up before."""


async def only_one(connection: Connection, projection: str, wait_seconds: float = 0.0) -> None:
    """Hold the right to rebuild while ``connection`` lives. Raises ``RebuildRefused`` when another has it and keeps it
    for ``wait_seconds``.
    """
    deadline = time.monotonic() + wait_seconds
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *rebuild_lock(projection)):
        if time.monotonic() >= deadline:
            raise RebuildRefused(f"{projection} is being rebuilt already")
        await asyncio.sleep(LOOK_SECONDS)


async def serves_already(connection: Connection, projection: str, filling: int) -> bool:
    """Whether the generation that a rebuild was filling serves; else that is still to be done. Raises
    ``RebuildRefused`` when neither is so.
    """
    sql = "SELECT active_generation, rebuilding_generation FROM stockroom.projections WHERE name = $1"
    row = await connection.fetchrow(sql, projection)
    if row is None or filling not in (row["active_generation"], row["rebuilding_generation"]):
        raise RebuildRefused(f"{projection}: generation {filling} is not being rebuilt any more, another took over")
    return bool(row["active_generation"] == filling)


def resumable(row: asyncpg.Record, projection: Projection, voids: int, *, anew: bool) -> int | None:
    """The generation that an earlier rebuild left and that one of this code goes on with, by the projection's row: it
    has its version, its indexes or the same layout, and began with as many ``voids`` as there are now: what was given
    up since may have been applied in it. None when there is none, or it is to begin ``anew``.
    """
    left: int | None = row["rebuilding_generation"]
    older = row.get("rebuilding_bulk", False)  # filled by COPY by a release that did not tell the layout
    same_way = row["rebuilding_indexed"] or (not older and row.get("rebuilding_layout") == projection.bulk_layout)
    same = row["rebuilding_version"] == projection.version and (row.get("rebuilding_voids") or 0) == voids
    return left if same and same_way and not anew else None


async def begin(
    connection: Connection, projection: Projection, partitions: Sequence[int], *, anew: bool = False
) -> Begun:
    """Resume the generation that a rebuild of the same version left, or make an empty one above all others; ``anew``
    drops what was left. To be called outside of a transaction.
    """
    voids = frozenset(await voids_of(connection, projection))
    async with connection.transaction():
        await prepare_projection(connection, projection, partitions)
        row = await connection.fetchrow(
            "SELECT * FROM stockroom.projections WHERE name = $1 FOR NO KEY UPDATE", projection.name
        )
        assert row is not None
        serving, left, kept = row["active_generation"], row["rebuilding_generation"], row["kept_generation"]
        indexed, bulk = row["rebuilding_indexed"], projection.bulk
        if resumed := resumable(row, projection, len(voids), anew=anew):
            return Begun(serving, row["version"], resumed, True, indexed, None if indexed else bulk, voids)
        if left is not None:
            await drop_generation(connection, projection, left)
        filling = max([*await known_generations(connection, projection), serving, left or 0, kept or 0]) + 1
        await create_generation(connection, projection, filling, partitions, indexes=False, bulk=bulk)
        await connection.execute(
            "UPDATE stockroom.projections SET rebuilding_generation = $2, rebuilding_version = $3, "
            "rebuilding_indexed = false, rebuilding_bulk = false, rebuilding_layout = $4, rebuilding_voids = $5 "
            "WHERE name = $1",
            projection.name,
            filling,
            projection.version,
            projection.bulk_layout,
            len(voids),
        )
        return Begun(serving, row["version"], filling, False, False, bulk, voids)


async def switch_row(
    connection: Connection, projection: Projection, filled: int, actor: str, outcome: Mapping[str, Any]
) -> None:
    """Make the filled generation the active one and keep the one before, inside the caller's transaction. ``actor`` and
    ``outcome`` go to the audit trail.
    """
    await connection.execute(
        "UPDATE stockroom.projections SET active_generation = $2, version = $3, switched_at = now(), "
        "kept_generation = active_generation, kept_version = version, "
        "rebuilding_generation = NULL, rebuilding_version = NULL, rebuilding_indexed = false, "
        "rebuilding_layout = NULL, switching_until = NULL WHERE name = $1",
        projection.name,
        filled,
        projection.version,
    )
    await audit_generation(connection, actor, "rebuild", projection, filled, outcome)
