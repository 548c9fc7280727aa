"""A rebuild does not go on with what has, or may have, applied a record that was given up since."""

from typing import Any, cast

import pytest

from projectors.dead_letters.void_effect import take_effect
from projectors.projection import Bulk
from projectors.rebuilds.compare import Different
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.options import DEFAULTS
from projectors.rebuilds.plan import plan_all
from projectors.stores.store import ParkedKeys
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_a_record_that_was_dropped_after_a_rebuild_applied_it_is_not_in_the_next(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    serving, mended = bench.projection, _mended(bench)
    bench.projection = mended
    with pytest.raises(Different):
        await rebuild(bench)
    (plan,) = await plan_all(bench.settings, [mended], DEFAULTS)
    assert (plan.resumes_generation, plan.to_read) == (2, 0)

    await bench.void((0, 1))
    await take_effect(bench.pool, bench.redis, [serving])
    (plan,) = await plan_all(bench.settings, [mended], DEFAULTS)
    assert (plan.resumes_generation, plan.to_read) == (None, 5)
    report = await rebuild(bench)
    assert (report.generation, report.compared.differ) == (3, False)
    assert (await generation(bench), await bench.totals()) == (3, {"a": 2})


def _dropped_at_the_switch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Let the poison be dropped as the first switch begins; gives each generation with its rows as it is indexed."""
    serving, switch, index, times = bench.projection, PostgresTarget.switch, PostgresTarget.index, list[int]()
    indexed: list[tuple[int, int]] = []

    async def dropped(self: PostgresTarget, *args: Any) -> ParkedKeys:
        times.append(1)
        if len(times) == 1:
            await bench.void((0, 1))
            await take_effect(bench.pool, bench.redis, [serving])
        return await switch(self, *args)

    async def counted(self: PostgresTarget) -> None:
        number = 2 + len(indexed)
        rows = await bench.pool.fetchval(f"SELECT count(*) FROM {serving.name}_g{number}.seen")
        indexed.append((number, rows))
        await index(self)

    monkeypatch.setattr(PostgresTarget, "switch", dropped)
    monkeypatch.setattr(PostgresTarget, "index", counted)
    return indexed


async def test_a_drop_during_a_rebuild_that_has_applied_the_record_makes_it_fill_again_by_copy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    indexed = _dropped_at_the_switch(bench, monkeypatch)
    bench.projection = _mended(bench, by_copy=True)
    report = await rebuild(bench, version=2)
    assert (indexed, report.generation, await bench.totals()) == ([(2, 2), (3, 1)], 3, {"a": 2})


async def test_a_drop_during_a_rebuild_of_what_is_parked_in_it_too_costs_no_filling(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    indexed = _dropped_at_the_switch(bench, monkeypatch)
    report = await rebuild(bench)
    assert (indexed, report.generation, report.compared.differ) == ([(2, 0)], 2, False)
    assert (await bench.totals(), report.parked_keys) == ({"a": 2}, 0)


def _calm(events: Any) -> Any:
    return [one._replace(event=one.event.model_copy(update={"reference": None})) for one in events]


def _mended(bench: Bench, *, by_copy: bool = False) -> Any:
    """The projection by code that applies what exploded."""
    apply, bulk = cast(Any, bench.projection.apply), cast(Bulk, bench.projection.bulk)
    calm = bulk._replace(fold=lambda events: bulk.fold(_calm(events))) if by_copy else None
    return bench.projection._replace(apply=lambda events: apply(_calm(events)), bulk=calm)
