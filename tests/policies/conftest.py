"""A policy over a topic of its own, with the real command API behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from command_api.app import create_app, run_writers
from command_api.operation import not_ready
from event_schemas.order import OrderPlaced
from infra.http.serve import serve
from infra.settings import Settings
from policies.command_client import CommandClient
from policies.dead_letters import DeadLetters
from policies.policy import Policy
from policies.position_store import PositionStore
from policies.runner import Runner
from tests.policies.bench import PARTITIONS, Bench, ask_for_a_reader
from tests.support.cable import Cable
from tests.support.log import LogWriter, create_topics, delete_topics
from tests.support.poll import until


@pytest.fixture(scope="package")
async def command_api_port(settings: Settings) -> AsyncIterator[int]:
    """The port of a command API that holds every partition."""
    settings = settings.model_copy(update={"command_api_group": "command-api-of-policies"})
    app, stop = create_app(settings), asyncio.Event()
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_writers(app, settings, stop))
        group.create_task(serve(app, "127.0.0.1", 0, stop, listening=listening.set_result))
        await until(lambda: asyncio.to_thread(not_ready, app), lambda reasons: not reasons)
        yield await listening
        stop.set()


@pytest.fixture
async def bench(settings: Settings, postgres: asyncpg.Pool, command_api_port: int, unique: str) -> AsyncIterator[Bench]:
    """Partitions claimed by `writer-1` at epoch 1, and a cable to the command API."""
    policy = Policy(unique, frozenset({OrderPlaced}), ask_for_a_reader)
    store = PositionStore(postgres)
    await store.prepare()
    await create_topics(settings.bootstrap_servers, [unique, f"{unique}.dlq"], PARTITIONS)
    async with LogWriter(settings.bootstrap_servers, unique) as writer, Cable("127.0.0.1", command_api_port) as cable:
        for partition in range(PARTITIONS):
            await writer.claim(partition)

        @asynccontextmanager
        async def runner() -> AsyncIterator[Runner]:
            url = f"http://127.0.0.1:{cable.port}"
            async with CommandClient(url, most_lines=2_000, most_bytes=8_000_000) as commands:
                dead_letters = DeadLetters(postgres, settings.bootstrap_servers)
                made = Runner(
                    policy,
                    unique,
                    bootstrap_servers=settings.bootstrap_servers,
                    store=store,
                    commands=commands,
                    dead_letters=dead_letters,
                )
                async with asyncio.TaskGroup() as group:
                    copying = group.create_task(dead_letters.run())
                    running = group.create_task(made.run())
                    try:
                        yield made
                    finally:
                        made.stop()
                        await asyncio.wait({running}, timeout=5)
                        running.cancel()
                        copying.cancel()

        yield Bench(settings, postgres, store, policy, writer, cable, runner)
    await delete_topics(settings.bootstrap_servers, [unique, f"{unique}.dlq"])
