"""What a process of projectors does until it is told to stop: it projects, and what was given up takes effect."""

import asyncio
from contextlib import suppress
from functools import partial

from infra.lasting import until_cancelled
from infra.log_batch import LogBroken
from infra.settings import Settings
from projectors.back_off import until_there
from projectors.dead_letters.void_effect import take_effect
from projectors.dead_letters.voids_known import voids_known
from projectors.engine.engine import Engine
from projectors.stores.store import RebuildNeeded

EVERY_SECONDS = 1.0


async def project(settings: Settings, engine: Engine) -> None:
    """Run an engine once all voids are known that the log has, and let new ones take effect, until cancelled. Where
    they cannot be known without a person, the others run with those that are.
    """
    with suppress(RebuildNeeded, LogBroken):  # the read model of voids itself tells of it
        await voids_known(settings.bootstrap_servers, engine.pool)
    async with asyncio.TaskGroup() as group:
        group.create_task(until_cancelled(engine.run()))
        group.create_task(until_cancelled(_follow(engine)))


async def _follow(engine: Engine) -> None:
    while True:
        await until_there("voided records", partial(take_effect, engine.pool, engine.redis, engine.projections))
        await asyncio.sleep(EVERY_SECONDS)
