"""A Redis that takes no writes for reasons of its own is a server that is away: what it refuses is no poison."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from projectors.engine.status import State, Status
from projectors.projection import RedisCommand
from projectors.stores import redis_answer
from projectors.stores.connect import connect_redis
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decoder
from tests.projectors.spoiled import HUGE
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.support.cable import Cable, cable_to_redis
from tests.support.poll import until

pytestmark = pytest.mark.parametrize("store", ["redis"])
REFUSALS = {
    "OOM": ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    "NOREPLICAS": ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
    "READONLY": ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
}
each_refusal = pytest.mark.parametrize("refusal", REFUSALS)


async def _tell(redis: Redis, command: str) -> None:
    await redis.execute_command(*command.split())  # type: ignore[no-untyped-call]


@asynccontextmanager
async def _refusing(redis: Redis, refusal: str) -> AsyncIterator[None]:
    begin, end = REFUSALS[refusal]
    await _tell(redis, begin)
    try:
        yield
    finally:
        await _tell(redis, end)


async def _error(status: Status) -> tuple[State, str | None]:
    return status.state, status.last_error


class _Clearing(Redis):
    """A client to whose server the cause of the refusal goes away before the third script."""

    def __init__(self, redis: Redis, refusal: str) -> None:
        super().__init__(connection_pool=redis.connection_pool)
        self.refusal = refusal
        self.scripts = 0

    async def evalsha(self, *arguments: Any) -> Any:
        self.scripts += 1
        if self.scripts == 3:
            await _tell(self, REFUSALS[self.refusal][1])
        return await super().evalsha(*arguments)


@each_refusal
async def test_of_a_batch_that_redis_refuses_for_a_moment_nothing_is_parked(bench: Bench, refusal: str) -> None:
    await bench.writer.append(0, [received("a"), received("b"), received("c")])
    redis = _Clearing(bench.redis, refusal)
    worker = RedisStore(redis, bench.pool, bench.projection, Decoder(0))
    await worker.prepare(PARTITIONS)
    batches, parked = await bench.behind(worker)
    async with _refusing(bench.redis, refusal):
        redis.scripts = 0
        while redis.scripts < 3:
            with suppress(RedisError):
                await worker.commit(batches, parked)
    assert await bench.parked() == []
    assert await bench.totals() == {"a": 1, "b": 1, "c": 1}


@each_refusal
async def test_a_running_worker_says_what_redis_refuses_and_goes_on_once_it_takes_writes(
    bench: Bench, refusal: str
) -> None:
    async with bench.working() as status:
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
        async with _refusing(bench.redis, refusal):
            await bench.writer.append(0, [received("a", 2), received("b")])
            _, error = await until(partial(_error, status), lambda found: found[0] is State.WAITING)
            assert error
        await bench.until_totals({"a": 3, "b": 1})
        assert status.state is State.RUNNING
    assert await bench.parked() == []


class _Freezing(Redis):
    """A client whose cable stands still from the first time on that keys of parked records are asked for."""

    def __init__(self, redis: Redis, cable: Cable) -> None:
        super().__init__(connection_pool=redis.connection_pool)
        self._cable: Cable | None = cable

    async def hscan(self, *arguments: Any, **options: Any) -> Any:
        if self._cable is not None:
            self._cable.freeze()
            self._cable = None
        return await super().hscan(*arguments, **options)


async def test_a_redis_that_hangs_while_parked_keys_are_read_does_not_hold_its_projection_for_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_answer, "ANSWER_SECONDS", 1)
    await bench.writer.append(0, [received("a", HUGE), received("b")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    async with cable_to_redis(bench.settings) as (cable, settings), connect_redis(settings) as through:
        frozen = RedisStore(_Freezing(through, cable), bench.pool, bench.projection, Decoder(0))
        with pytest.raises(TimeoutError):
            await frozen.load(PARTITIONS)
        cable.thaw()
        assert (await frozen.load(PARTITIONS)).parked.keys == frozenset({"a"})


async def test_what_redis_cannot_do_with_the_first_command_of_a_batch_is_poison_still(bench: Bench) -> None:
    bench.projection = bench.projection._replace(
        apply=lambda events: [RedisCommand(("HINCRBY", "counts", one.envelope.subject, 1)) for one in events]
    )
    await bench.writer.append(0, [received("a"), received("b")])
    worker = await bench.worker()
    await bench.redis.hset(f"{bench.projection.name}:1:counts", "a", 2**63 - 1)
    await worker.commit(*await bench.behind(worker))
    assert await bench.parked() == [("a", 1, "apply_failed")]
    assert await bench.redis.hget(f"{bench.projection.name}:1:counts", "b") == b"1"
