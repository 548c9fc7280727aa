"""Workers of a tiny projection beside each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from projectors.engine.engine import Engine
from projectors.engine.sharing import shares
from projectors.engine.status import State
from tests.projectors.tiny import PARTITIONS, Bench
from tests.support.poll import until
from tests.support.running import running


@asynccontextmanager
async def sharing(bench: Bench, *workers: str) -> AsyncIterator[list[Engine]]:
    """Engines of these names, once each has the share that it should have."""
    async with AsyncExitStack() as stack:
        engines = [bench.engine(worker) for worker in workers]
        for engine in engines:
            await stack.enter_async_context(running(engine.run()))
        given = shares(frozenset(workers), bench.projection.name, tuple(PARTITIONS))
        await until(partial(shares_of, engines), lambda found: found == [given[worker] for worker in workers])
        yield engines


async def shares_of(engines: list[Engine]) -> list[frozenset[int]]:
    statuses = [engine.runners[0].status for engine in engines]
    return [frozenset(status.standings) if status.state is State.RUNNING else frozenset({-1}) for status in statuses]


def own(bench: Bench, worker: str, *others: str) -> int:
    """A partition of the worker while those others live as well."""
    return min(shares(frozenset({worker, *others}), bench.projection.name, tuple(PARTITIONS))[worker])


@asynccontextmanager
async def sharing_with(bench: Bench, worker: str, other: str) -> AsyncIterator[Engine]:
    """An engine beside another worker that is a process, once it has its share."""
    engine = bench.engine(worker)
    given = shares(frozenset({worker, other}), bench.projection.name, tuple(PARTITIONS))
    async with running(engine.run()):
        await until(partial(shares_of, [engine]), lambda found: found == [given[worker]])
        yield engine


async def state_of(engine: Engine) -> State:
    return engine.runners[0].status.state


async def live_workers(engine: Engine) -> list[str]:
    return engine.workers.live
