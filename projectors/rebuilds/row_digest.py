"""Digests of a table's rows: their number and the sum of their hashes, so that two tables that hold the same rows are
told by one reading of each. Where they differ the same is taken in buckets by key, and rows are looked for in a few of
them alone.

A sum does not depend on the order of rows. Two tables that differ come to the same sum by chance only, about once in
2^64: nobody chooses rows so that they do.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from projectors.stores.control_tables import Connection

BUCKETS = 256
SEARCHED_BUCKETS = 8
SHOWN_ROWS = 10
SHOWN_CHARACTERS = 500

_COLUMNS = """
SELECT attname, EXISTS (
    SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
    WHERE m.amname = 'hash' AND o.opcintype = a.atttypid AND o.opcdefault
) AS hashes
FROM pg_attribute a WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = to_regclass($1) AND i.indisprimary ORDER BY a.attnum
"""


class Rows(NamedTuple):
    """Rows of a table, seen through some of its columns; those of ``key`` are among them."""

    table: str
    """With its schema."""
    columns: Mapping[str, str]
    """By name, what of each is hashed, in SQL."""
    key: Sequence[str]

    def bucket(self) -> str:
        """SQL of a row's bucket: of its key, else of all of it."""
        return f"({_hash([self.columns[name] for name in self.key or self.columns])} & {BUCKETS - 1})::int"

    def hash(self) -> str:
        """SQL of a row's hash."""
        return _hash(self.columns.values())


Sum = tuple[int, int]
"""Number of rows and sum of their hashes."""


async def columns_of(connection: Connection, table: str) -> dict[str, str]:
    """Columns of a table with its schema, in their order, and what of each is hashed: its text where its type has no
    hash function of its own. Empty when there is no such table.
    """
    found = await connection.fetch(_COLUMNS, table)
    return {row["attname"]: f'"{row["attname"]}"' + ("" if row["hashes"] else "::text") for row in found}


async def key_of(connection: Connection, table: str) -> list[str]:
    """Columns of its primary key; none when it has no key."""
    return [row["attname"] for row in await connection.fetch(_KEY, table)]


async def digest(connection: Connection, rows: Rows) -> Sum:
    """Of all rows together: one reading without groups, a third of the work of one with them."""
    found = await connection.fetchrow(f"SELECT count(*), COALESCE(sum({rows.hash()}), 0) FROM {rows.table}")
    assert found is not None
    return found[0], int(found[1])


async def digest_by_bucket(connection: Connection, rows: Rows) -> dict[int, Sum]:
    """The same by bucket; buckets without rows are left out."""
    found = await connection.fetch(
        f"SELECT {rows.bucket()} AS bucket, count(*) AS count, sum({rows.hash()}) AS sum FROM {rows.table} GROUP BY 1"
    )
    return {one["bucket"]: (one["count"], int(one["sum"])) for one in found}


async def only_in(connection: Connection, these: Rows, others: Rows, buckets: list[int]) -> list[str]:
    """The first rows, as JSON, of these buckets that ``these`` have and the ``others`` have not, or fewer times."""
    selects = [
        f"SELECT row_to_json(r)::text AS line FROM "
        f"(SELECT {_list(rows.columns)} FROM {rows.table} WHERE {rows.bucket()} = ANY ($1)) r"
        for rows in (these, others)
    ]
    rows = f"{selects[0]} EXCEPT ALL {selects[1]} ORDER BY 1 LIMIT {SHOWN_ROWS}"
    found = await connection.fetch(f"SELECT left(line, {SHOWN_CHARACTERS}) AS line FROM ({rows}) r", buckets)
    return [one["line"] for one in found]


def _list(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _hash(columns: Iterable[str]) -> str:
    return f"hash_record_extended(ROW({', '.join(columns)}), 0)"
