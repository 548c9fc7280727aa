"""`up`: starts everything, in the foreground or (`--detach`) in the background, and says what runs where."""

import asyncio
import io
import os
import subprocess
import sys
import time
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from infra.launcher.display import StartDisplay, fetch_progress
from infra.launcher.display import console as make_console
from infra.launcher.home import Home
from infra.launcher.lock import AlreadyRunning
from infra.launcher.logs import last_lines, open_log
from infra.launcher.orphans import stop_orphans
from infra.launcher.ports import complaints
from infra.launcher.processes import process_programs
from infra.launcher.program import CannotStart
from infra.launcher.standing import tell_already_up, tell_ready
from infra.launcher.state import State, forget_state, read_state, running_supervisor
from infra.servers.archive import make_archive_once
from infra.servers.embedded import embedded_programs, fetch_what_is_missing
from infra.settings import REPOSITORY, Settings, settings

POLL_SECONDS = 0.1


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go on in the background once all is ready.")] = False,
    command_apis: Annotated[
        int | None, typer.Option(min=1, max=16, help="How many command APIs share the work.")
    ] = None,
    projectors: Annotated[
        int | None, typer.Option(min=1, max=16, help="How many projectors share the partitions.")
    ] = None,
) -> None:
    """Start the servers and processes, wait until each is ready, and say what runs where.

    Exit code 0 when all is ready, or was already; 1 when something fails, or another number of instances is up.
    """
    asked = {"command_apis": command_apis, "projectors": projectors}
    given = {name: count for name, count in asked.items() if count is not None}
    configuration = Settings.model_validate(given) if given else settings()
    console, home = make_console(), Home.of(configuration)
    if running_supervisor(home) is not None:
        raise typer.Exit(tell_already_up(console, configuration, home))
    try:
        _prepare(console, configuration, home)
        run = _in_background if detach else _in_foreground
        code = run(console, configuration, home)
    except CannotStart as error:
        console.print(str(error), markup=False)
        code = 1
    raise typer.Exit(code)


def _prepare(console: Console, configuration: Settings, home: Home) -> None:
    if stopped := stop_orphans(home):
        console.print(f"stopped what a killed supervisor left behind: {', '.join(stopped)}")
    programs = [*embedded_programs(configuration, home), *process_programs(configuration, home)]
    if wrong := complaints(configuration.host, programs):
        raise CannotStart("\n".join(wrong))
    with fetch_progress(console) as progress:
        fetch_what_is_missing(configuration, home, progress)
    asyncio.run(make_archive_once(configuration, home, partial(console.print, markup=False)))
    forget_state(home)


def _in_foreground(console: Console, configuration: Settings, home: Home) -> int:
    # Imported here: the supervisor itself is of no use to `up --detach`, which only watches it.
    from infra.supervisor import Supervisor, log_to  # noqa: PLC0415

    display = StartDisplay(console)
    said: set[str] = set()

    def show(state: State) -> None:
        is_news = state.phase not in said
        said.add(state.phase)
        if state.phase in ("starting", "ready"):
            display.show(state)
        if not is_news:
            return
        if state.phase != "starting":
            display.close()
        if state.phase == "ready":
            tell_ready(console, state)
            console.print("\nCtrl-C stops everything.")
        elif state.phase == "failing":
            console.print(state.message, markup=False)

    with open_log(home.log("supervisor")) as output:
        log_to(io.TextIOWrapper(output, line_buffering=True))
        try:
            return asyncio.run(Supervisor(configuration, show).run())
        except AlreadyRunning:
            return tell_already_up(console, configuration, home)
        finally:
            display.close()


def _in_background(console: Console, configuration: Settings, home: Home) -> int:
    path = home.log("supervisor")
    with open_log(path) as output:
        begins = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=REPOSITORY,
            env={
                **os.environ,
                "STOCKROOM_HOME": str(home.root),
                "STOCKROOM_CACHE": str(home.cache),
                "STOCKROOM_COMMAND_APIS": str(configuration.command_apis),
                "STOCKROOM_PROJECTORS": str(configuration.projectors),
            },
            start_new_session=True,
        )
    display = StartDisplay(console)
    try:
        while True:
            state = read_state(home)
            if state is not None:
                display.show(state)
                if state.phase == "ready":
                    break
            if process.poll() is not None:
                return _ended(console, configuration, home, process.returncode, begins)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        display.close()
        console.print("stopping again")
        process.terminate()
        process.wait()
        return 130
    finally:
        display.close()
    tell_ready(console, state)
    return 0


def _ended(console: Console, configuration: Settings, home: Home, code: int, log_begins: int) -> int:
    if code == 0 and running_supervisor(home) is not None:
        return tell_already_up(console, configuration, home)
    state = read_state(home)
    message = state.message if state is not None else ""
    last_words = "\n".join(last_lines(home.log("supervisor"), 20, log_begins))
    console.print(message or last_words or "the supervisor was stopped", markup=False)
    return 1
