"""The audit trail of what operators did to projections: who, what, when, and with which outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from projectors.projection import Projection
from projectors.stores.control_tables import Connection
from projectors.stores.parked_partition import ParkedPartition
from projectors.stores.store import Parked, Place
from projectors.stores.voids import Void

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
) -> list[int]:
    """Add a row for each parked record that is dropped, by who gave it up, in the caller's transaction; gives their
    numbers.
    """
    return [
        await audit(
            connection,
            voided[one.at].actor,
            "drop",
            where,
            {"offset": one.record.offset, "reason": voided[one.at].reason},
        )
        for one in dropped
    ]


async def audit_outcome(connection: Connection, row: int, outcome: Mapping[str, Any]) -> None:
    """Say what came of an act that was audited before it was done."""
    await connection.execute(
        "UPDATE stockroom.audit SET outcome = $2 WHERE id = $1", row, orjson.dumps(outcome).decode()
    )


async def unaudit(connection: Connection, rows: Sequence[int]) -> None:
    """Remove acts that were audited before they were done, and were not done."""
    await connection.execute("DELETE FROM stockroom.audit WHERE id = ANY ($1)", rows)


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
