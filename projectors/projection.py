"""What a projection is: a value with a name, a version, its topic, its tables, and a pure function to statements."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from event_schemas.record import Recorded


class Statement(NamedTuple):
    """One set-based SQL statement with its arguments (arrays for ``unnest``). Table names carry the ``{schema}`` mark,
    which the engine replaces by the schema of the generation that it fills."""

    sql: str
    args: tuple[Any, ...]


class RedisCommand(NamedTuple):
    """One Redis command with its arguments, e.g. ``("ZINCRBY", "top:sale:all", 3, "sku")``. Keys are given without the
    generation's prefix; the first argument after the command's name is the key, and the engine prefixes it."""

    args: tuple[str | int | float, ...]


class Copy(NamedTuple):
    """Rows for a COPY into a table of the generation that is being filled, in the order of ``columns``."""

    table: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


class Bulk(NamedTuple):
    """How a projection in PostgreSQL is filled from an empty generation: by COPY, as long as its tables have no keys.

    What changes a row of an earlier chunk, or adds to it, goes to a staging table, and ``finish`` puts it together. So
    the order in which chunks of different partitions are written must not matter. Rows must come out as by ``apply``.
    """

    fold: Callable[[Sequence[Recorded]], list[Copy]]
    """Events of any partitions, in log order within each, to rows. Pure, and raises where ``apply`` raises."""
    staging: str = ""
    """``CREATE TABLE {schema}.x (...)`` of staging tables; not UNLOGGED: a crash empties those, not the positions."""
    finish: str = ""
    """Statements from staging tables into the projection's own, run once, before its keys; they drop the former."""


Postgres = Callable[[Sequence[Recorded]], list[Statement]]
Redis = Callable[[Sequence[Recorded]], list[RedisCommand]]


class Projection(NamedTuple):
    """A read model. The engine owns offsets, transactions, batching, retries, parking; no projection can skip them."""

    name: str
    """Also the stem of its file, of its schema and of its endpoints."""
    version: int
    """A change of tables or of ``apply`` is a new version, which means a rebuild."""
    topic: str
    """The one topic it takes its rows from."""
    store: Literal["postgres", "redis"]
    tables: tuple[str, ...]
    """Names of its tables (or Redis key families), each of which becomes a stable view ``<public_schema>.<table>``."""
    ddl: str
    """``CREATE TABLE {schema}.x (...)`` and so on, without keys. Empty for Redis."""
    keys: str
    """Keys that its statements rely on: ``ALTER TABLE {schema}.x ADD PRIMARY KEY (...)``. Empty for Redis."""
    indexes: str
    """Indexes for queries, which a rebuild makes after filling: ``CREATE INDEX ON {schema}.x (...)``."""
    apply: Callable[[Sequence[Recorded]], list[Statement]] | Callable[[Sequence[Recorded]], list[RedisCommand]]
    """Events of any partitions of the topic, in log order within each, to statements in the order they must run."""
    public_schema: str = ""
    """Schema of the views that queries read, e.g. ``orders``; empty for Redis."""
    bulk: Bulk | None = None
    """How a rebuild fills it by COPY; without it a rebuild fills it by ``apply``."""

    @property
    def bulk_layout(self) -> str | None:
        """A digest of the tables that are filled by COPY and of what is made of them; None when none are."""
        return self.bulk and f"{zlib.crc32((self.ddl + self.bulk.staging + self.bulk.finish).encode()):08x}"
