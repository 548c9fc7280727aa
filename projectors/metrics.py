"""The figures of the projectors process, for `GET /metrics`: its engine's state, and what lies parked in the stores."""

import asyncio
from typing import Any

import asyncpg
import structlog
from redis.exceptions import RedisError

from infra.parked import COUNTED, Parked, parked_in_redis
from infra.reason import reason
from infra.stores_answer import CHECK_SECONDS
from projectors.engine.engine import Engine
from projectors.engine.status import State
from projectors.stores.redis_keys import prefix

log = structlog.get_logger()


async def measured(engine: Engine) -> list[dict[str, Any]]:
    """Every projection as the engine describes it, with `out_of_date`, and what is parked where its store tells that
    in time."""
    described = engine.described()
    parked = await _parked_in_time(engine)
    return [
        {
            **one,
            **(parked[one["name"]].described() if one["name"] in parked else {}),
            "out_of_date": one["state"] == State.REBUILD_NEEDED,
        }
        for one in described
    ]


async def _parked_in_time(engine: Engine) -> dict[str, Parked]:
    asking = asyncio.create_task(_parked(engine))
    # Not by a time-out around it: what is cancelled in a store that hangs may wait for that store.
    await asyncio.wait({asking}, timeout=CHECK_SECONDS)
    if not asking.done():
        asking.cancel()
        return {}
    try:
        return asking.result()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, OSError) as error:
        log.warning("parked_records_unknown", error=reason(error))
        return {}


async def _parked(engine: Engine) -> dict[str, Parked]:
    rows = await engine.pool.fetch(COUNTED)
    in_redis = {
        runner.status.projection.name: runner.status.generation
        for runner in engine.runners
        if runner.status.projection.store == "redis"
    }
    found = {row["name"]: Parked(row["records"], row["oldest_ms"]) for row in rows if row["name"] not in in_redis}
    for name, generation in in_redis.items():
        if generation:
            found[name] = await parked_in_redis(engine.redis, prefix(name, generation))
    return found
