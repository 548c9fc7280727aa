"""The command API, in this process, on real Kafka, with no policies behind it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from command_api.app import create_app, run_writers
from command_api.operation import not_ready
from infra.settings import Settings
from tests.command_api.lean_pair import Pair, app_of
from tests.support.raw_http import served


@pytest.fixture(scope="package")
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a command API that holds every partition."""
    settings = settings.model_copy(update={"command_api_group": "command-api-of-tests"})
    app, stop = create_app(settings), asyncio.Event()
    writing = asyncio.create_task(run_writers(app, settings, stop))
    async with asyncio.timeout(30):
        while not_ready(app):
            assert not writing.done(), "the writers ended"
            await asyncio.sleep(0.02)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://command-api", timeout=20) as client:
        yield client
    stop.set()
    await asyncio.wait_for(writing, 20)


@pytest.fixture(scope="module")
async def pair() -> AsyncIterator[Pair]:
    """The same app with lean routes and without."""
    seen: list[str] = []
    async with served(app_of(lean=True, seen=seen)) as lean, served(app_of(lean=False, seen=[])) as ordinary:
        yield Pair(lean, ordinary, seen)
