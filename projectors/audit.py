"""The audit trail of what operators did to projections: who, what, when, and with which outcome."""

from collections.abc import Mapping
from typing import Any

import orjson

from projectors.control_tables import Connection
from projectors.parked_rows import ParkedPartition


async def audit(
    connection: Connection, actor: str, action: str, where: ParkedPartition, outcome: Mapping[str, Any]
) -> None:
    """Add an act on the parked records of a partition, in the caller's transaction."""
    await connection.execute(
        "INSERT INTO stockroom.audit (actor, action, projection, generation, topic, partition, outcome) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        actor,
        action,
        *where,
        orjson.dumps(outcome).decode(),
    )
