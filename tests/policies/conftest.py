"""A policy over a topic of its own, with the real command API behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from event_schemas.order import OrderPlaced
from infra.settings import Settings
from policies.command_client import CommandClient
from policies.dead_letters.copies import DeadLetters
from policies.dead_letters.redrive import Redrive
from policies.policy import Policy
from policies.position_store import PositionStore
from policies.runner import Runner
from tests.policies.bench import PARTITIONS, Bench, ask_for_a_reader
from tests.policies.instance import Place, instance_at, place
from tests.support.log import LogWriter, create_topics, delete_topics


@pytest.fixture(scope="package")
async def instance(settings: Settings) -> AsyncIterator[Place]:
    """A command API that runs as long as these tests do, and holds every shard while there is no other."""
    async with place() as found, instance_at(found, settings):
        yield found


@pytest.fixture
async def bench(settings: Settings, postgres: asyncpg.Pool, instance: Place, unique: str) -> AsyncIterator[Bench]:
    """Partitions claimed by `writer-1` at epoch 1, and a cable to the command API."""
    policy = Policy(unique, frozenset({OrderPlaced}), ask_for_a_reader)
    store = PositionStore(postgres)
    await store.prepare()
    await create_topics(settings.bootstrap_servers, [unique, f"{unique}.dlq"], PARTITIONS)
    async with LogWriter(settings.bootstrap_servers, unique) as writer:
        for partition in range(PARTITIONS):
            await writer.claim(partition)

        def client() -> CommandClient:
            return CommandClient([instance.address], most_lines=2_000, most_bytes=8_000_000)

        @asynccontextmanager
        async def runner(code: Policy = policy) -> AsyncIterator[Runner]:
            async with client() as commands:
                dead_letters = DeadLetters(postgres, settings.bootstrap_servers)
                made = Runner(
                    code,
                    unique,
                    bootstrap_servers=settings.bootstrap_servers,
                    store=store,
                    commands=commands,
                    dead_letters=dead_letters,
                )
                async with asyncio.TaskGroup() as group:
                    beside = [group.create_task(dead_letters.run()), group.create_task(commands.keep_up())]
                    running = group.create_task(made.run())
                    try:
                        yield made
                    finally:
                        made.stop()
                        await asyncio.wait({running}, timeout=5)
                        running.cancel()
                        for task in beside:
                            task.cancel()

        async with client() as commands:
            redrive = Redrive(postgres, commands, "staff:test")
            yield Bench(settings, postgres, store, policy, writer, instance.cable, runner, redrive)
    await delete_topics(settings.bootstrap_servers, [unique, f"{unique}.dlq"])
