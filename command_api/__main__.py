"""Runs the command API: `python -m command_api`. It stops on SIGTERM or SIGINT, after what is queued."""

import asyncio

import uvloop

from command_api.app import create_app, run_writers
from infra.http.serve import serve, stop_on_signals
from infra.logs import configure_logging
from infra.settings import settings


async def main() -> None:
    """Serve HTTP and hold the partitions until told to stop. Ends with an error when either of them does."""
    app = create_app(settings())
    stop = stop_on_signals()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_writers(app, settings(), stop))
        group.create_task(serve(app, settings().host, settings().command_api_port, stop))


if __name__ == "__main__":
    configure_logging(settings().log_level)
    uvloop.run(main())
