"""Compares two generations in PostgreSQL, in one snapshot in which both stand at the same positions."""

from collections.abc import Sequence

from projectors.projection import Projection
from projectors.rebuilds.compare import Comparison, TableCompared
from projectors.rebuilds.row import Begun
from projectors.rebuilds.row_digest import SEARCHED_BUCKETS, Rows, columns_of, digest, digest_by_bucket, key_of, only_in
from projectors.rebuilds.wait import Positions
from projectors.stores.control_tables import Connection
from projectors.stores.generations import schema_of
from projectors.stores.positions import load_positions

_POSITIONS = """
SELECT partition, generation, next_offset FROM stockroom.projection_offsets
WHERE projection = $1 AND generation IN ($2, $3)
"""
_PARKED = "SELECT count(*) FROM stockroom.parked WHERE projection = $1 AND generation = $2"


async def positions(connection: Connection, projection: Projection, begun: Begun) -> tuple[Positions, Positions]:
    """Next offsets by partition, of the serving generation and of the filled one."""
    found: dict[int, Positions] = {begun.serving: {}, begun.filling: {}}
    for row in await connection.fetch(_POSITIONS, projection.name, begun.serving, begun.filling):
        found[row["generation"]][row["partition"]] = row["next_offset"]
    return found[begun.serving], found[begun.filling]


async def compare(connection: Connection, projection: Projection, begun: Begun, incomplete: str = "") -> Comparison:
    """All tables of both in the snapshot of the caller's transaction. Where ``incomplete`` says why they are not at the
    same positions, rows are only counted.
    """
    schemas = schema_of(projection, begun.serving), schema_of(projection, begun.filling)
    tables = [await _compare_table(connection, table, schemas, not incomplete) for table in projection.tables]
    parked = [await connection.fetchval(_PARKED, projection.name, one) for one in (begun.serving, begun.filling)]
    _, unparked = await load_positions(connection, projection, begun.serving)
    return Comparison(begun, projection.version, tables, (parked[0], parked[1]), unparked, incomplete)


async def _compare_table(connection: Connection, table: str, schemas: Sequence[str], whole: bool) -> TableCompared:
    """A table in both schemas, by the columns that both have."""
    names = [f"{schema}.{table}" for schema in schemas]
    old, new = [await columns_of(connection, name) for name in names]
    columns = {column: hashed for column, hashed in new.items() if old.get(column) == hashed}
    if not (whole and columns):
        counts = [await _count(connection, name) for name in names]
        return TableCompared(table, counts[0], counts[1], None if columns else True)
    key = await key_of(connection, names[1])
    served, filled = [Rows(name, columns, key if columns.keys() >= set(key) else ()) for name in names]
    before, after = await digest(connection, served), await digest(connection, filled)
    found = TableCompared(table, before[0], after[0], before != after or old != new)
    if before == after:
        return found
    searched = await _differing(connection, served, filled)
    return found._replace(
        only_served=await only_in(connection, served, filled, searched),
        only_filled=await only_in(connection, filled, served, searched),
    )


async def _differing(connection: Connection, served: Rows, filled: Rows) -> list[int]:
    """The first buckets that differ, as many as are searched."""
    before, after = await digest_by_bucket(connection, served), await digest_by_bucket(connection, filled)
    differing = (bucket for bucket in before.keys() | after.keys() if before.get(bucket) != after.get(bucket))
    return sorted(differing)[:SEARCHED_BUCKETS]


async def _count(connection: Connection, table: str) -> int | None:
    if not await columns_of(connection, table):
        return None
    return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
