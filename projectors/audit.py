"""The audit trail of what operators did to projections: who, what, when, and with which outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from projectors.control_tables import Connection
from projectors.parked_rows import ParkedPartition
from projectors.projection import Projection
from projectors.store import Parked, Place
from projectors.voided import Void

_ADD = """
INSERT INTO stockroom.audit (actor, action, projection, generation, topic, partition, outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""


async def audit(
    connection: Connection, actor: str, action: str, where: ParkedPartition, outcome: Mapping[str, Any]
) -> int:
    """Add an act on the parked records of a partition, in the caller's transaction; gives the number of the row."""
    row: int = await connection.fetchval(_ADD, actor, action, *where, orjson.dumps(outcome).decode())
    return row


async def audit_drops(
    connection: Connection, where: ParkedPartition, dropped: Sequence[Parked], voided: Mapping[Place, Void]
) -> None:
    """Add a row for each parked record that was dropped, by who gave it up, in the caller's transaction."""
    for one in dropped:
        void = voided[one.at]
        await audit(connection, void.actor, "drop", where, {"offset": one.record.offset, "reason": void.reason})


async def audit_outcome(connection: Connection, row: int, outcome: Mapping[str, Any]) -> None:
    """Say what came of an act that was audited before it was done."""
    await connection.execute(
        "UPDATE stockroom.audit SET outcome = $2 WHERE id = $1", row, orjson.dumps(outcome).decode()
    )


async def unaudit(connection: Connection, row: int) -> None:
    """Remove an act that was audited before it was done, and was not done."""
    await connection.execute("DELETE FROM stockroom.audit WHERE id = $1", row)


async def audit_generation(
    connection: Connection,
    actor: str,
    action: str,
    projection: Projection,
    generation: int,
    outcome: Mapping[str, Any],
) -> None:
    """Add an act that made ``generation`` the serving one, in the transaction that does it."""
    where = projection.name, generation, projection.topic, None
    await connection.execute(_ADD, actor, action, *where, orjson.dumps(outcome).decode())
