"""What is retried or dropped in the serving generation while another one is filled is not undone by the switch."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from event_schemas.record import Recorded
from projectors.dead_letters.redrive import Redriven, retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.projection import Projection
from projectors.rebuilds.compare import Different
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.in_redis import RedisTarget
from projectors.stores.sorting import Decoder
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])
each_step = pytest.mark.parametrize("step", ["index", "compare", "switch"])


def _failing(projection: Projection, away: list[str]) -> Projection:
    """Its `apply` fails at `explode` as long as something is ``away``."""
    apply = projection.apply

    def applied(events: Sequence[Recorded]) -> list[Any]:
        if away:
            return cast(list[Any], apply(events))
        return cast(
            list[Any],
            apply([one._replace(event=one.event.model_copy(update={"reference": None})) for one in events]),
        )

    return projection._replace(apply=applied, bulk=None)


async def _retry(bench: Bench, projection: Projection) -> Redriven:
    return await retry(redrive_of(bench.pool, bench.redis, projection, Decoder(0), "staff:test"))


def _before(bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str, act: Any) -> list[str]:
    """Do something before a step of the rebuild begins for the first time; gives the list of the times it began."""
    target: type[Any] = PostgresTarget if bench.projection.store == "postgres" else RedisTarget
    going_on, begun = getattr(target, step), list[str]()

    async def acting(self: Any, *args: Any, **options: Any) -> Any:
        begun.append(step)
        if len(begun) == 1:
            await act()
        return await going_on(self, *args, **options)

    monkeypatch.setattr(target, step, acting)
    return begun


async def _park_two(bench: Bench) -> None:
    """Two records of `a` that are parked in what serves, beside one of `b` that is applied."""
    await bench.writer.append(0, [received("a", 1, "explode"), received("b"), received("a", 5)])
    await bench.until_totals({"b": 1})


@both_stores
@each_step
@pytest.mark.parametrize("version", [1, 2])
async def test_a_retry_that_comes_during_a_rebuild_is_not_undone_by_its_switch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str, version: int
) -> None:
    away = ["a service"]
    bench.projection = _failing(bench.projection, away)

    async def again() -> None:
        away.clear()
        assert await _retry(bench, bench.projection) == Redriven(done=2)
        assert await bench.totals() == {"a": 6, "b": 1}

    begun = _before(bench, monkeypatch, step, again)
    async with bench.working():
        await _park_two(bench)
        report = await rebuild(bench, version=version)
    assert (begun[:1], report.parked_keys, await generation(bench)) == ([step], 0, 2)
    assert await bench.totals() == {"a": 6, "b": 1}
    bench.projection = bench.projection._replace(version=version)
    assert await bench.dead_letters() == []


@both_stores
@each_step
async def test_where_the_code_of_a_rebuild_cannot_apply_what_was_retried_it_does_not_switch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fixed = _failing(bench.projection, [])
    bench.projection = _failing(bench.projection, ["for ever"])

    async def again() -> None:
        assert await _retry(bench, fixed) == Redriven(done=2)

    _before(bench, monkeypatch, step, again)
    async with bench.working():
        await _park_two(bench)
        with pytest.raises(Different):
            await rebuild(bench)
    assert (await generation(bench), await bench.totals()) == (1, {"a": 6, "b": 1})


@both_stores
@each_step
async def test_a_drop_that_takes_effect_during_a_rebuild_is_no_difference(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bench.projection = _failing(bench.projection, ["for ever"])

    async def drop() -> None:
        await bench.void((0, 1))
        assert await _retry(bench, bench.projection) == Redriven(done=1, dropped=1)

    _before(bench, monkeypatch, step, drop)
    async with bench.working():
        await _park_two(bench)
        report = await rebuild(bench)
    filled_again = step == "switch" and bench.projection.store == "redis"
    assert (report.parked_keys, await generation(bench)) == (0, 3 if filled_again else 2)
    assert await bench.totals() == {"a": 5, "b": 1}
