"""One instance of the command API from its start to its leave: HTTP outside, the writers and the group inside."""

import asyncio

from fastapi import FastAPI

from command_api.app import run_writers
from infra.http.serve import serve
from infra.settings import Settings


async def run_instance(app: FastAPI, settings: Settings, stop: asyncio.Event) -> None:
    """Serve ``create_app`` and hold shards until ``stop`` is set. Ends with an error when either of them does.

    HTTP is served until the instance has left and the others have its shards: what comes meanwhile is sent on to them.
    """
    left = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        # The port is taken first: who has it may use the instance id that follows from it.
        group.create_task(serve(app, settings.host, settings.command_api_port, left))
        writing = group.create_task(run_writers(app, settings, stop))
        writing.add_done_callback(lambda _: left.set())
