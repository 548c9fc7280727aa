"""`test`: runs pytest against servers of its own, on free ports and in a home of its own, and stops them always.

The processes are not started: the tests that need them start them. `test --campaign` runs the long form of the fault
campaign instead, which has servers of its own.
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from infra.commands.run_module import campaign
from infra.launcher.display import console as make_console
from infra.launcher.display import fetch_progress
from infra.launcher.fresh import fresh_settings
from infra.launcher.group import StartFailed
from infra.launcher.home import Home
from infra.launcher.program import CannotStart
from infra.servers.archive import make_archive_once
from infra.servers.embedded import fetch_what_is_missing
from infra.servers.running import running_servers
from infra.settings import REPOSITORY, Settings

CAMPAIGN = "--campaign"
RUNS_NOTHING = frozenset({"-h", "--help", "-V", "--version"})
"""Arguments of pytest with which it runs no test."""
USAGE = """\
./stockroom test [pytest arguments]    runs the tests on servers of their own
./stockroom test --campaign --help     the long form of the fault campaign, and its arguments

What pytest takes:
"""


def test(arguments: list[str]) -> int:
    """Runs pytest with these arguments; its exit code, or 1 when the servers could not be started.

    With `--campaign` the other arguments are the campaign's: `--seed`, `--commands`, `--faults`, `--help`.
    Where help is asked for, no server is started.
    """
    if CAMPAIGN in arguments:
        campaign([argument for argument in arguments if argument != CAMPAIGN])
    if not RUNS_NOTHING.isdisjoint(arguments):
        sys.stdout.write(USAGE)
        sys.stdout.flush()
        return subprocess.run(_pytest(arguments), cwd=REPOSITORY, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="stockroom-test-") as folder:
        settings = fresh_settings(Path(folder))
        try:
            console, home = make_console(), Home.of(settings)
            with fetch_progress(console) as progress:
                fetch_what_is_missing(settings, home, progress)
            # Brokers are started many times over.
            asyncio.run(make_archive_once(settings, home, partial(console.print, markup=False)))
            return asyncio.run(_run(settings, arguments))
        except (CannotStart, StartFailed) as error:
            sys.stderr.write(f"{error}\n")
            return 1


async def _run(settings: Settings, arguments: list[str]) -> int:
    async with running_servers(settings):
        topics = await asyncio.create_subprocess_exec(sys.executable, "-m", "infra.create_topics", cwd=REPOSITORY)
        if await topics.wait() != 0:
            return 1
        # Ctrl-C reaches pytest itself; here it only means to wait for its end and then stop the servers.
        loop = asyncio.get_running_loop()
        child = await asyncio.create_subprocess_exec(*_pytest(arguments), cwd=REPOSITORY)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        loop.add_signal_handler(signal.SIGTERM, child.terminate)
        return await child.wait()


def _pytest(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]
