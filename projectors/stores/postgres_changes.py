"""Carries out what a projection makes of events in PostgreSQL: statements, or rows for a COPY."""

from collections.abc import Sequence

from projectors.projection import Copy, Statement
from projectors.stores.control_tables import Connection
from projectors.stores.poison import DATA_ERRORS, Poison

Change = Statement | Copy

_NOT_ENCODED = (TypeError, ValueError, OverflowError, AttributeError)
"""What a COPY raises for a value that does not fit its column, before anything is sent."""


async def execute(connection: Connection, schema: str, changes: Sequence[Change]) -> None:
    """Carry them out in a schema, in their order, within the caller's transaction.

    Raises ``Poison`` when the values themselves are refused; the transaction, or savepoint, must then be undone.
    """
    for change in changes:
        try:
            if isinstance(change, Copy):
                await _copy(connection, schema, change)
            else:
                await connection.execute(change.sql.replace("{schema}", schema), *change.args)
        except DATA_ERRORS as error:
            raise Poison(error) from error


async def _copy(connection: Connection, schema: str, rows: Copy) -> None:
    if not rows.rows:
        return
    try:
        await connection.copy_records_to_table(rows.table, schema_name=schema, columns=rows.columns, records=rows.rows)
    except _NOT_ENCODED as error:
        raise Poison(error) from error
