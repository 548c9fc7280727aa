"""A projection's row in PostgreSQL: which generation serves, which one is filled, and the locks that keep it so.

A commit locks the row by FOR KEY SHARE, so commits do not wait for each other, and a switch by FOR UPDATE, so it waits
for them. Since share locks of several workers can follow one another without a gap, a switch first asks them to wait.
"""

from collections.abc import Sequence

from projectors.projection import Projection
from projectors.stores.control_tables import Connection, create_control_tables
from projectors.stores.generations import create_generation, show_generation
from projectors.stores.store import GenerationMoved, RebuildNeeded, SwitchUnderWay
from projectors.stores.worker_rows import newest_version

HOLD_SECONDS = 3.0
"""So long workers wait for a switch that was announced and does not come, e.g. since its process was killed. For one
that has locked the row they wait until its transaction ends: see ``end_if_idle``.
"""

_GENERATIONS = """
SELECT version, active_generation, rebuilding_generation, switching_until > clock_timestamp() AS switching
FROM stockroom.projections WHERE name = $1 FOR KEY SHARE
"""


async def prepare_projection(connection: Connection, projection: Projection, partitions: Sequence[int]) -> None:
    """Inside the caller's transaction: control tables, and generation 1 unless the projection is known already. The row
    then tells the newest version of the code that fills it: a worker of an older release beside newer ones does not
    hide that a rebuild is due, or make one seem so that was done.
    """
    await create_control_tables(connection)
    known = await connection.fetchval("SELECT true FROM stockroom.projections WHERE name = $1", projection.name)
    if not known:
        await create_generation(connection, projection, 1, partitions, indexes=True)
        await show_generation(connection, projection, 1)
        await connection.execute(
            "INSERT INTO stockroom.projections (name, version, active_generation) VALUES ($1, $2, 1)",
            projection.name,
            projection.version,
        )
    await connection.execute(
        "UPDATE stockroom.projections SET wanted_version = $2 WHERE name = $1 AND wanted_version IS DISTINCT FROM $2",
        projection.name,
        await newest_version(connection, projection),
    )


async def generation_to_fill(
    connection: Connection, projection: Projection, rebuilding: int | None, *, committing: bool = False
) -> int:
    """The active generation, or ``rebuilding`` if that is still being rebuilt; no switch can come before the
    transaction ends. Raises ``GenerationMoved`` or ``RebuildNeeded``, and when ``committing`` to the active one
    ``SwitchUnderWay`` while a switch asks to wait.
    """
    row = await connection.fetchrow(_GENERATIONS, projection.name)
    if row is None:
        raise GenerationMoved(f"{projection.name} has no row in stockroom.projections")
    if rebuilding is not None:
        if row["rebuilding_generation"] != rebuilding:
            raise GenerationMoved(f"{projection.name}: generation {rebuilding} is not being rebuilt any more")
        return rebuilding
    if row["version"] != projection.version:
        raise RebuildNeeded(
            f"{projection.name} is at version {projection.version}, its tables at {row['version']}: "
            f"run `./stockroom rebuild {projection.name}`",
            row["active_generation"],
        )
    if committing and row["switching"]:
        raise SwitchUnderWay(f"{projection.name}: a rebuild is switching")
    return int(row["active_generation"])


async def prove_bulk(connection: Connection, projection: Projection) -> None:
    """Raise ``GenerationMoved`` unless the tables of the generation that is rebuilt still wait for their keys.

    To be asked after the positions were moved on: the transaction that makes the keys holds those.
    """
    sql = "SELECT rebuilding_layout FROM stockroom.projections WHERE name = $1"
    if not await connection.fetchval(sql, projection.name):
        raise GenerationMoved(f"{projection.name}: the generation was filled already")


async def hold_back(connection: Connection, projection: str) -> None:
    """Ask workers not to begin a commit to the serving generation, in a transaction before the one of the switch.

    It ends by the switch, by ``let_go``, or after ``HOLD_SECONDS``.
    """
    await connection.execute(
        "UPDATE stockroom.projections SET switching_until = clock_timestamp() + make_interval(secs => $2) "
        "WHERE name = $1",
        projection,
        HOLD_SECONDS,
    )


async def let_go(connection: Connection, projection: str) -> None:
    """Let workers go on after a switch that did not come about."""
    await connection.execute("UPDATE stockroom.projections SET switching_until = NULL WHERE name = $1", projection)


async def lock_row(connection: Connection, projection: str) -> None:
    """Wait for the commits that are under way; until the caller's transaction ends none begins, of any generation."""
    await connection.execute("SELECT FROM stockroom.projections WHERE name = $1 FOR UPDATE", projection)


async def end_if_idle(connection: Connection, seconds: float) -> None:
    """Inside the caller's transaction: let the server end it, with the session, when nothing comes from the caller for
    so long, so that a process that stands still keeps no row locked.
    """
    await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {int(seconds * 1000)}")
