"""Runs the command API: `python -m command_api`. It stops on SIGTERM or SIGINT, after what is queued."""

from command_api.app import create_app
from command_api.instance import run_instance
from infra.http.serve import stop_on_signals
from infra.process import ANSWERING, run_process
from infra.settings import Settings


async def main(configuration: Settings) -> None:
    """Run an instance until told to stop."""
    await run_instance(create_app(configuration), configuration, stop_on_signals())


if __name__ == "__main__":
    run_process(main, ANSWERING)
