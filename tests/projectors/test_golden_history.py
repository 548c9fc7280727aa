"""Every read model takes the whole golden history: each example of each version ever shipped, old ones as they lie in
the log, live and by a rebuild, and both come to the same rows."""

import pytest

from infra.partition_of import partition_of
from projectors.engine.status import Status
from projectors.log_ends import LogEnds
from projectors.projection import Projection
from projectors.read_models.registry import PROJECTIONS
from tests.projectors.rebuilding import rebuild
from tests.projectors.tiny import PARTITIONS, Bench
from tests.support.golden_history import Shipped, stories
from tests.support.log import Entry, shipped_entry
from tests.support.poll import until
from tests.support.running import running


@pytest.fixture(params=PROJECTIONS, ids=lambda projection: projection.name)
async def over_history(request: pytest.FixtureRequest, bench: Bench, unique: str) -> Bench:
    """A read model of the product, under a name and over a topic of its own that holds the golden history."""
    projection: Projection = request.param
    history = [event for _, story in stories() for event in story if event.topic == projection.topic]
    for partition in PARTITIONS:
        if entries := _entries(partition, history):
            await bench.writer.append_raw(partition, entries)
    public = f"{unique}_public" if projection.public_schema else ""
    bench.projection = projection._replace(name=unique, topic=unique, public_schema=public)
    return bench


def _entries(partition: int, history: list[Shipped]) -> list[Entry]:
    versions: dict[str, int] = {}
    entries = []
    for event in history:
        versions[event.subject] = sequence = versions.get(event.subject, 0) + 1
        if partition_of(event.subject, len(PARTITIONS)) == partition:
            entries.append(shipped_entry(event, writer="writer-1", epoch=1, sequence=sequence))
    return entries


async def test_live_and_rebuilt_rows_of_all_versions_are_the_same_and_nothing_is_parked(over_history: Bench) -> None:
    bench = over_history
    ends = LogEnds(bench.settings.bootstrap_servers, [bench.projection.topic])
    async with running(ends.run()), bench.working() as status:
        await until(lambda: _behind(ends, status), lambda behind: behind == 0)
        live = await _contents(bench, 1)
        report = await rebuild(bench)
    assert await bench.parked() == []
    assert report.generation == 2
    assert (report.compared.incomplete, report.compared.differ) == ("", False)
    assert sum(map(len, live.values())) > 0
    assert await _contents(bench, 2) == live


async def _behind(ends: LogEnds, status: Status) -> int:
    fresh = await ends.fresh(status.projection.topic)
    known = {number: one.position.next_offset for number, one in status.standings.items()}
    return sum(end - known.get(number, 0) for number, end in fresh.items())


async def _contents(bench: Bench, generation: int) -> dict[str, list[str]]:
    """All rows of all tables, or all members and scores of all sorted sets, as sorted text."""
    name = bench.projection.name
    if bench.projection.store == "redis":
        prefix = f"{name}:{generation}:"
        keys = [key.decode() async for key in bench.redis.scan_iter(match=f"{prefix}top:*")]
        found = {key.removeprefix(prefix): await bench.redis.zrange(key, 0, -1, withscores=True) for key in keys}
        return {key: sorted(map(str, members)) for key, members in found.items()}
    sql = f"SELECT t::text AS row FROM {name}_g{generation}.{{}} t ORDER BY 1"
    return {
        table: [row["row"] for row in await bench.pool.fetch(sql.format(table))] for table in bench.projection.tables
    }
