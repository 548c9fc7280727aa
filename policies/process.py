"""The process that runs the policies: its parts wired together, from start to stop."""

import asyncio

import asyncpg
import structlog

from infra.http.limits import BodyLimit
from infra.http.serve import serve, stop_on_signals
from infra.lasting import until_cancelled
from infra.principal import OPERATOR
from infra.settings import Settings
from policies.app import create_app
from policies.command_client import CommandClient
from policies.dead_letters.copies import DeadLetters
from policies.dead_letters.http import dead_letters_router
from policies.dead_letters.lists_http import lists_router
from policies.dead_letters.redrive import Redrive
from policies.left_behind import LeftBehind
from policies.patience import patiently
from policies.position_store import PositionStore
from policies.registry import POLICIES
from policies.runner import Runner

GRACE_SECONDS = 5.0
"""How long what is under way may take after a stop; what is cut off is done again at the next start."""
MOST_BODY_BYTES = 10_000
"""Of a request: a retry names a policy and a key."""

logger = structlog.get_logger(__name__)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Run every policy until ``stop`` is set, by default by SIGTERM or SIGINT. Raises what a mistake of ours raises."""
    stop = stop or stop_on_signals()
    async with (
        asyncpg.create_pool(settings.dsn, min_size=0, max_size=6, command_timeout=30.0) as pool,
        # A retry keeps its connection while the command API works: none of those over which positions are stored. With
        # two a policy waits for two retries at most to let go of the row of its position, which is within the timeout.
        asyncpg.create_pool(settings.dsn, min_size=0, max_size=2, command_timeout=30.0) as operators_pool,
        CommandClient.of(settings) as commands,
    ):
        store = PositionStore(pool)
        dead_letters = DeadLetters(pool, settings.bootstrap_servers)
        runners = [
            Runner(
                policy,
                topic,
                bootstrap_servers=settings.bootstrap_servers,
                store=store,
                commands=commands,
                dead_letters=dead_letters,
            )
            for policy in POLICIES
            for topic in policy.topics
        ]
        standings = [runner.standing for runner in runners]
        app = create_app(standings, settings)
        app.add_middleware(BodyLimit, max_bytes=MOST_BODY_BYTES)
        app.include_router(lists_router(pool, POLICIES))
        app.include_router(dead_letters_router(Redrive(operators_pool, commands, str(OPERATOR)), POLICIES))
        left_behind = LeftBehind(pool, standings)
        work = asyncio.create_task(_work(store, dead_letters, commands, left_behind, runners))
        work.add_done_callback(lambda _: stop.set())
        try:
            await serve(app, settings.host, settings.policies_port, stop)
        finally:
            await _finish(work, runners)


async def _work(
    store: PositionStore,
    dead_letters: DeadLetters,
    commands: CommandClient,
    left_behind: LeftBehind,
    runners: list[Runner],
) -> None:
    await patiently(dead_letters.standing, "PostgreSQL", store.prepare)
    async with asyncio.TaskGroup() as group:
        parts = dead_letters.run(), commands.keep_up(), left_behind.run()
        beside = [group.create_task(until_cancelled(part)) for part in parts]
        running = [group.create_task(until_cancelled(runner.run())) for runner in runners]
        await asyncio.wait(running)
        for task in beside:
            task.cancel()


async def _finish(work: asyncio.Task[None], runners: list[Runner]) -> None:
    for runner in runners:
        runner.stop()
    done, _ = await asyncio.wait({work}, timeout=GRACE_SECONDS)
    if not done:
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        work.result()
