"""Makes the keys and indexes of a generation in PostgreSQL that was filled without them."""

import structlog

from infra.reason import reason
from projectors.projection import Projection
from projectors.rebuilds.row import Begun
from projectors.stores.control_tables import Connection
from projectors.stores.generations import create_generation, create_indexes, finish_bulk
from projectors.stores.poison import DATA_ERRORS
from projectors.stores.positions import hold_all

log = structlog.get_logger()

INDEX_SETTINGS = "SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"


async def index(connection: Connection, projection: Projection, begun: Begun) -> None:
    """Put together what was filled by COPY, and make keys and indexes, once and in one step.

    When they refuse a row the generation is emptied, but for them, so that filling finds the event and parks it.
    """
    try:
        await _index(connection, projection, begun)
    except DATA_ERRORS as error:
        log.warning("filled again, with keys", projection=projection.name, error=reason(error))
        async with connection.transaction():
            await create_generation(connection, projection, begun.filling, (), indexes=True)
            await _indexed(connection, projection)


async def _index(connection: Connection, projection: Projection, begun: Begun) -> None:
    async with connection.transaction():
        await connection.execute(INDEX_SETTINGS)
        if begun.bulk is not None:
            await hold_all(connection, projection, begun.filling)
            await finish_bulk(connection, projection, begun.filling, begun.bulk)
        await create_indexes(connection, projection, begun.filling)
        await _indexed(connection, projection)


async def _indexed(connection: Connection, projection: Projection) -> None:
    sql = "UPDATE stockroom.projections SET rebuilding_indexed = true, rebuilding_layout = NULL WHERE name = $1"
    await connection.execute(sql, projection.name)
