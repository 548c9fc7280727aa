"""A rebuild's entry in the projection's row: which generation it fills, that it is the only one, and the switch."""

from collections.abc import Sequence
from typing import NamedTuple

from projectors.control_tables import Connection, rebuild_lock
from projectors.generations import create_generation, drop_generation, known_generations
from projectors.projection import Projection
from projectors.projection_row import prepare_projection


class RebuildRefused(Exception):
    """The rebuild cannot be done, or was taken over; the message says why. The serving generation is untouched."""

    code = "rebuild_refused"


class Begun(NamedTuple):
    """What a rebuild fills, and beside what."""

    serving: int
    filling: int
    resumed: bool
    """It goes on from the positions of an earlier rebuild that did not end."""
    indexed: bool


async def only_one(connection: Connection, projection: str) -> None:
    """Hold the right to rebuild while ``connection`` lives. Raises ``RebuildRefused`` when another has it."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *rebuild_lock(projection)):
        raise RebuildRefused(f"{projection} is being rebuilt already")


async def begin(connection: Connection, projection: Projection, partitions: Sequence[int]) -> Begun:
    """Resume the generation that a rebuild of the same version left, or make an empty one above all others."""
    async with connection.transaction():
        await prepare_projection(connection, projection, partitions)
        row = await connection.fetchrow(
            "SELECT active_generation, rebuilding_generation, rebuilding_version, rebuilding_indexed "
            "FROM stockroom.projections WHERE name = $1 FOR NO KEY UPDATE",
            projection.name,
        )
        assert row is not None
        serving, left = row["active_generation"], row["rebuilding_generation"]
        if left is not None and row["rebuilding_version"] == projection.version:
            return Begun(serving, left, True, row["rebuilding_indexed"])
        if left is not None:
            await drop_generation(connection, projection, left)
        filling = max([*await known_generations(connection, projection), serving, left or 0]) + 1
        await create_generation(connection, projection, filling, partitions, indexes=False)
        await connection.execute(
            "UPDATE stockroom.projections SET rebuilding_generation = $2, rebuilding_version = $3, "
            "rebuilding_indexed = false WHERE name = $1",
            projection.name,
            filling,
            projection.version,
        )
        return Begun(serving, filling, False, False)


async def switch_row(connection: Connection, projection: Projection, filled: int) -> None:
    """Make the filled generation the active one, inside the caller's transaction."""
    await connection.execute(
        "UPDATE stockroom.projections SET active_generation = $2, version = $3, switched_at = now(), "
        "rebuilding_generation = NULL, rebuilding_version = NULL, rebuilding_indexed = false, switching_until = NULL "
        "WHERE name = $1",
        projection.name,
        filled,
        projection.version,
    )
