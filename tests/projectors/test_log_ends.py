"""Whoever waits for the ends of the log hears when nobody asks for them any more, and does not wait for ever."""

import asyncio

import pytest

from infra.lasting import EndedUnasked
from infra.settings import Settings
from projectors.dead_letters.voids_known import voids_known
from projectors.engine import projecting
from projectors.engine.projecting import project
from projectors.log_ends import LogEnds
from projectors.rebuilds.options import DEFAULTS
from projectors.rebuilds.several import rebuild_all
from tests.projectors.rebuilding import quiet
from tests.projectors.tiny import Bench, received


@pytest.fixture
def from_within(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client cancels what asks, as aiokafka does where a request of its own was cancelled."""

    async def cancelled(ends: LogEnds) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(LogEnds, "_watch", cancelled)


@pytest.mark.usefixtures("from_within")
async def test_ends_that_nobody_asks_for_are_not_waited_for(settings: Settings, bench: Bench) -> None:
    ends = LogEnds(settings.bootstrap_servers, [bench.projection.topic])
    asking = asyncio.create_task(ends.run())
    async with asyncio.timeout(10):
        for _ in range(2):
            with pytest.raises(EndedUnasked, match=bench.projection.topic):
                await ends.fresh(bench.projection.topic)
        with pytest.raises(EndedUnasked, match="operations"):
            await voids_known(settings.bootstrap_servers, bench.pool)
    assert asking.cancelled()


async def test_a_rebuild_ends_with_what_asks_for_the_ends_of_the_log(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a")])
    watch = LogEnds._watch

    async def cancelled(ends: LogEnds) -> None:
        if ends._topics == [bench.projection.topic]:
            raise asyncio.CancelledError
        await watch(ends)

    monkeypatch.setattr(LogEnds, "_watch", cancelled)
    async with asyncio.timeout(30):
        with pytest.raises(EndedUnasked, match=bench.projection.topic):
            await rebuild_all(bench.settings, [bench.projection], DEFAULTS, progress=quiet())


async def test_projectors_end_when_what_lets_voids_take_effect_was_cancelled_from_within(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*args: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(projecting, "take_effect", cancelled)
    async with asyncio.timeout(30):
        with pytest.RaisesGroup(EndedUnasked, flatten_subgroups=True):
            await project(bench.settings, bench.engine())
