"""Runs the command API: `python -m command_api`. It stops on SIGTERM or SIGINT, after what is queued."""

import gc

gc.disable()  # until `run_process`: what imports make stays, and to look through it again and again takes 40 ms

from command_api.app import create_app  # noqa: E402
from command_api.instance import run_instance  # noqa: E402
from infra.http.serve import stop_on_signals  # noqa: E402
from infra.process import ANSWERING, run_process  # noqa: E402
from infra.settings import Settings  # noqa: E402


async def main(configuration: Settings) -> None:
    """Run an instance until told to stop."""
    await run_instance(create_app(configuration), configuration, stop_on_signals())


if __name__ == "__main__":
    run_process(main, ANSWERING)
