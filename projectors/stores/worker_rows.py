"""What rows of `stockroom.workers` tell whoever looks: which workers live, and which versions they run."""

from projectors.projection import Projection
from projectors.stores.control_tables import Connection

LIVE_SECONDS = 2.5
"""So long after its last beat a worker counts."""
_NEWEST = """
SELECT greatest($2::int, max(split_part(run, ' v', 2)::int)) FROM stockroom.workers, unnest(runs) AS run
WHERE split_part(run, ' v', 1) = $1 AND seen_at > clock_timestamp() - make_interval(secs => $3)
"""


def run_of(projection: str, version: int) -> str:
    """How a worker's row names a projection that it runs."""
    return f"{projection} v{version}"


async def newest_version(connection: Connection, projection: Projection) -> int:
    """The highest version of a projection in the code that workers which live run, and in this code."""
    return int(await connection.fetchval(_NEWEST, projection.name, projection.version, LIVE_SECONDS))
