"""What operators have given up for a projection: to it, those records never happened.

Every store asks for it when it is loaded, so a rebuild knows all of it before it reads anything.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import asyncpg

from projectors.projection import Projection
from projectors.stores.control_tables import Connection
from projectors.stores.store import Place

_OF = """
SELECT partition, record_offset, key, reason, actor, at FROM operations.voided_records
WHERE projection = $1 AND topic = $2 ORDER BY partition, record_offset
"""


class Void(NamedTuple):
    """A record that was given up: its key, why, by whom, when."""

    key: str
    reason: str
    actor: str
    at: datetime


async def voids_of(connection: Connection, projection: Projection) -> Mapping[Place, Void]:
    """What was given up for a projection, in log order. To be asked outside of a transaction."""
    try:
        rows = await connection.fetch(_OF, projection.name, projection.topic)
    except asyncpg.UndefinedTableError:
        return {}  # nobody has followed the topic yet, so nothing is known of it
    return {
        (row["partition"], row["record_offset"]): Void(row["key"], row["reason"], row["actor"], row["at"])
        for row in rows
    }
