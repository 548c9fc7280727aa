"""`down` and `reset`: stops everything, also what a killed supervisor left behind; removes the data."""

import shutil
from typing import Annotated

import typer

from infra.launcher.display import console as make_console
from infra.launcher.home import Home
from infra.launcher.orphans import stop_orphans
from infra.launcher.record import read_all
from infra.launcher.state import forget_state, running_supervisor
from infra.settings import settings


def down() -> None:
    """Stop everything that runs here. The data stays."""
    home, console = Home.of(settings()), make_console()
    supervisor = running_supervisor(home)
    if supervisor is not None:
        with console.status("stopping"):
            supervisor.stop()
    orphans = stop_orphans(home)
    forget_state(home)
    if orphans:
        console.print(f"stopped what was left behind: {', '.join(orphans)}")
    console.print("stopped" if supervisor or orphans else "nothing is running")


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    cache: Annotated[bool, typer.Option("--cache", help="Remove the fetched servers too.")] = False,
) -> None:
    """Remove all data, logs and records of this home. The fetched servers stay, unless --cache is given."""
    home, console = Home.of(settings()), make_console()
    if running_supervisor(home) or any(record.process() for record in read_all(home.run)):
        console.print("It is running: ./stockroom down first.")
        raise typer.Exit(1)
    folders = [home.root / "data", home.logs, home.run, *([home.cache] if cache else [])]
    present = [folder for folder in folders if folder.exists()]
    if not present:
        console.print(f"nothing to remove in {home.root}")
        return
    if not yes:
        typer.confirm(f"Remove {', '.join(map(str, present))} for good?", abort=True)
    for folder in present:
        shutil.rmtree(folder)
    console.print(f"removed {', '.join(map(str, present))}")
