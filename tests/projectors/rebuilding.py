"""Rebuilds of a bench's projection, as the command does them."""

import asyncio
import io
import sys
from collections.abc import Callable
from typing import Literal, cast
from uuid import uuid4

from rich.console import Console

from infra.process import run_process
from projectors.log_ends import LogEnds
from projectors.rebuilds.bulk_group import BulkGroup
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.progress import Progress, Task
from projectors.rebuilds.rate import RateLimit
from projectors.rebuilds.rebuild import Rebuild
from projectors.rebuilds.report import Report
from projectors.rebuilds.run import Run
from projectors.stores.connect import connect_postgres, connect_redis
from projectors.stores.sorting import Decoder
from tests.projectors.tiny import Bench, tiny
from tests.support.running import running


class _Watched(Task):
    """A line of the display that also tells the test how many records were passed."""

    def __init__(self, progress: Progress, name: str, seen: Callable[[int], None]) -> None:
        super().__init__(progress, name, progress.bars.add_task(name, total=0, rate="", step=""))
        self._seen = seen

    def advanced(self, records: int) -> None:
        super().advanced(records)
        self._seen(records)


async def rebuild(
    bench: Bench,
    version: int | None = None,
    seen: Callable[[int], None] = lambda records: None,
    options: RebuildOptions = DEFAULTS,
) -> Report:
    """Rebuild as code of a version does, by default the bench's own; ``seen`` hears of passed records."""
    redis = connect_redis(bench.settings)
    ends = LogEnds(bench.settings.bootstrap_servers, [bench.projection.topic])
    progress = quiet()
    async with connect_postgres(bench.settings) as pool, running(ends.run()):
        try:
            projection = bench.projection._replace(version=version or bench.projection.version)
            work = Rebuild(bench.settings, pool, redis, projection, options)
            limit = RateLimit(options.rate)
            group = BulkGroup(bench.settings, pool, projection.topic, [projection.name], 1, asyncio.Lock(), limit)
            return await work.run(Decoder(0), ends, _Watched(progress, projection.name, seen), group)
        finally:
            await redis.aclose()


async def generation(bench: Bench) -> int:
    """The one that serves, as its row says."""
    sql = "SELECT active_generation FROM stockroom.projections WHERE name = $1"
    return int(await bench.pool.fetchval(sql, bench.projection.name))


def quiet() -> Progress:
    """A display that nobody sees."""
    return Progress(Console(file=io.StringIO()))


if __name__ == "__main__":
    name, store = sys.argv[1:]
    projection = tiny(name, cast(Literal["postgres", "redis"], store))
    run_process(lambda settings: Run(uuid4(), [projection], RebuildOptions(rate=600), 1).go(settings, Progress()))
