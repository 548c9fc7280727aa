"""`test`: runs pytest against servers of its own, on free ports and in a home of its own, and stops them always.

The processes are not started: the tests that need them start them.
"""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from infra.launcher.display import console as make_console
from infra.launcher.display import fetch_progress
from infra.launcher.group import StartFailed
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.launcher.program import CannotStart
from infra.servers.embedded import fetch_what_is_missing
from infra.servers.running import running_servers
from infra.settings import REPOSITORY, Settings

OWN_SERVERS = ("STOCKROOM_KAFKA_BOOTSTRAP_SERVERS", "STOCKROOM_POSTGRES_DSN", "STOCKROOM_REDIS_URL")


def test(arguments: list[str]) -> int:
    """Runs pytest with these arguments; its exit code, or 1 when the servers could not be started."""
    with tempfile.TemporaryDirectory(prefix="stockroom-test-") as folder:
        # PostgreSQL may run as another user than the one whose folder this is.
        Path(folder).chmod(0o755)
        settings = _fresh_settings(Path(folder))
        try:
            with fetch_progress(make_console()) as progress:
                fetch_what_is_missing(settings, Home.of(settings), progress)
            return asyncio.run(_run(settings, arguments))
        except (CannotStart, StartFailed) as error:
            sys.stderr.write(f"{error}\n")
            return 1


def _fresh_settings(folder: Path) -> Settings:
    """Settings of a fresh copy, also set in the environment for the child processes. The cache stays the user's own."""
    cache = Home.of(Settings()).cache
    for name in OWN_SERVERS:
        os.environ.pop(name, None)
    ports = [name for name in Settings.model_fields if name.endswith("_port")]
    for name, port in zip(ports, free_ports(len(ports)), strict=True):
        os.environ[f"STOCKROOM_{name.upper()}"] = str(port)
    os.environ["STOCKROOM_HOME"], os.environ["STOCKROOM_CACHE"] = str(folder), str(cache)
    return Settings()


async def _run(settings: Settings, arguments: list[str]) -> int:
    async with running_servers(settings):
        topics = await asyncio.create_subprocess_exec(sys.executable, "-m", "infra.create_topics", cwd=REPOSITORY)
        if await topics.wait() != 0:
            return 1
        # Ctrl-C reaches pytest itself; here it only means to wait for its end and then stop the servers.
        loop = asyncio.get_running_loop()
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "pytest", *arguments, cwd=REPOSITORY)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        loop.add_signal_handler(signal.SIGTERM, child.terminate)
        return await child.wait()
