"""The query API's process: `python -m query_api`. Serves at once; what its servers cannot answer yet is a 503."""

import asyncio

import structlog

from infra.http.serve import serve, stop_on_signals
from infra.process import ANSWERING, run_process
from infra.settings import Settings
from query_api.app import create_app
from query_api.sources import Sources

log = structlog.get_logger()


async def run(configuration: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `PortTaken` when the port is not free."""
    stop = stop_on_signals()
    sources = Sources(configuration)
    await sources.open()
    reading = asyncio.create_task(sources.log.run())
    try:
        await serve(
            create_app(configuration, sources),
            configuration.host,
            configuration.query_api_port,
            stop,
            listening=lambda port: log.info("query_api_listens", host=configuration.host, port=port),
        )
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await sources.close()


if __name__ == "__main__":
    run_process(run, ANSWERING)
