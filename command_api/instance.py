"""One instance of the command API from its start to its leave: HTTP outside, the writers and the group inside."""

import asyncio

from command_api.app import create_app, run_writers
from infra.http.serve import serve
from infra.settings import Settings


async def run_instance(settings: Settings, stop: asyncio.Event) -> None:
    """Serve HTTP and hold shards until ``stop`` is set. Ends with an error when either of them does.

    HTTP is served until the instance has left and the others have its shards: what comes meanwhile is sent on to them.
    """
    app, left = create_app(settings), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        # The port is taken first: who has it may use the instance id that follows from it.
        group.create_task(serve(app, settings.host, settings.command_api_port, left))
        writing = group.create_task(run_writers(app, settings, stop))
        writing.add_done_callback(lambda _: left.set())
