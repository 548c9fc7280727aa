"""Runs the command API: `python -m command_api`. It stops on SIGTERM or SIGINT, after what is queued."""

import asyncio

from command_api.app import create_app, run_writers
from infra.http.serve import serve, stop_on_signals
from infra.process import run_process
from infra.settings import Settings


async def main(configuration: Settings) -> None:
    """Serve HTTP and hold the partitions until told to stop. Ends with an error when either of them does."""
    app = create_app(configuration)
    stop = stop_on_signals()
    async with asyncio.TaskGroup() as group:
        # The port is taken first: who has it may use the instance id that follows from it.
        group.create_task(serve(app, configuration.host, configuration.command_api_port, stop))
        group.create_task(run_writers(app, configuration, stop))


if __name__ == "__main__":
    run_process(main)
