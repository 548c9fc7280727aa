"""A rebuild does not go on with what an earlier one left when a record was given up since: that may have applied it."""

from typing import Any, cast

import pytest

from projectors.dead_letters.void_effect import take_effect
from projectors.rebuilds.compare import Different
from projectors.rebuilds.options import DEFAULTS
from projectors.rebuilds.plan import plan_all
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


def _mended(bench: Bench) -> Any:
    """The projection by code that applies what exploded."""
    apply = cast(Any, bench.projection.apply)

    def mended(events: Any) -> Any:
        calm = [one._replace(event=one.event.model_copy(update={"reference": None})) for one in events]
        return apply(calm)

    return bench.projection._replace(apply=mended, bulk=None)
