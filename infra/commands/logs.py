"""`logs`: the last lines of one log or of all, and what is added to them (`--follow`)."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.launcher.home import Home
from infra.launcher.logs import last_lines
from infra.settings import settings

POLL_SECONDS = 0.2


def logs(
    name: Annotated[str | None, typer.Argument(help="Of which process or server; none: of all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of each to begin with.")] = 50,
) -> None:
    """Show the logs of the servers and processes."""
    folder = Home.of(settings()).logs
    present = sorted(folder.glob("*.log"))
    chosen = [path for path in present if name in (None, path.stem)]
    if not chosen:
        names = ", ".join(path.stem for path in present) or "none yet"
        typer.echo(f"There is no log {f'named {name} ' if name else ''}in {folder}. Logs: {names}.", err=True)
        raise typer.Exit(1)
    width = 0 if name else max(len(path.stem) for path in chosen)
    places = {path: path.stat().st_size for path in chosen}
    for path in chosen:
        _print(path, last_lines(path, lines), width)
    while follow:
        time.sleep(POLL_SECONDS)
        for path, place in places.items():
            places[path] = _print_news(path, place, width)


def _print_news(path: Path, place: int, width: int) -> int:
    """Prints the whole lines after `place`; returns where they end. A file that was set aside is begun again."""
    if not path.exists():
        return 0
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(place if place <= size else 0)
        whole, newline, _ = file.read().rpartition(b"\n")
        if newline:
            _print(path, whole.decode(errors="replace").splitlines(), width)
        return (place if place <= size else 0) + len(whole) + len(newline)


def _print(path: Path, lines: list[str], width: int) -> None:
    for line in lines:
        sys.stdout.write(f"{path.stem:<{width}} | {line}\n" if width else f"{line}\n")
    sys.stdout.flush()
