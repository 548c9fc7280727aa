"""A rebuild goes on only with tables that code of the same layout has made, and says so of others."""

import asyncio

import asyncpg
import pytest

from projectors.rebuilds.options import DEFAULTS
from projectors.rebuilds.plan import plan_all
from projectors.rebuilds.row import RebuildRefused, begin
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import PARTITIONS, Bench, received

BY_OLDER = "UPDATE stockroom.projections SET rebuilding_bulk = true, rebuilding_layout = $2 WHERE name = $1"


async def _begun(bench: Bench, staging: str) -> None:
    """Three records that serve, and a generation that code with other staging tables has begun to fill."""
    await bench.writer.append(0, [received("a") for _ in range(3)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    bulk = bench.projection.bulk
    assert bulk is not None
    other = bench.projection._replace(bulk=bulk._replace(staging=staging))
    connection = await asyncpg.connect(bench.settings.dsn)
    await begin(connection, other, PARTITIONS)
    await connection.close()


async def _rebuilt(bench: Bench) -> int:
    """The generation that serves after a rebuild, as its plan foretold."""
    [plan] = await plan_all(bench.settings, [bench.projection], DEFAULTS)
    async with asyncio.timeout(30):
        await rebuild(bench)
    assert await bench.totals() == {"a": 3}
    serving = await generation(bench)
    assert plan.resumes_generation == (2 if serving == 2 else None)
    return serving


async def test_a_generation_of_other_staging_tables_is_not_gone_on_with(bench: Bench) -> None:
    await _begun(bench, "CREATE TABLE {schema}.totals_parts (sku text);")
    assert await _rebuilt(bench) == 3


async def test_a_generation_of_the_same_layout_is_gone_on_with(bench: Bench) -> None:
    assert bench.projection.bulk is not None
    await _begun(bench, bench.projection.bulk.staging)
    assert await _rebuilt(bench) == 2


@pytest.mark.parametrize("told", [False, True])
async def test_what_a_release_that_tells_no_layout_has_begun_is_not_gone_on_with(bench: Bench, told: bool) -> None:
    assert bench.projection.bulk is not None
    await _begun(bench, bench.projection.bulk.staging)
    left = bench.projection.bulk_layout if told else None  # of a rebuild before, by a release that does
    await bench.pool.execute(BY_OLDER, bench.projection.name, left)
    assert await _rebuilt(bench) == 3


async def test_tables_that_lack_what_is_filled_in_are_refused_by_name_and_filled_anew(bench: Bench) -> None:
    assert bench.projection.bulk is not None
    await _begun(bench, bench.projection.bulk.staging)
    await bench.pool.execute(f"ALTER TABLE {bench.projection.name}_g2.totals_parts DROP COLUMN quantity")
    async with asyncio.timeout(30):
        with pytest.raises(RebuildRefused, match=r"quantity.*does not exist.*--anew"):
            await rebuild(bench)
    await rebuild(bench, options=DEFAULTS._replace(anew=True))
    assert (await generation(bench), await bench.totals()) == (3, {"a": 3})
