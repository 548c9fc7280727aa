"""What a person sees while things start: one line per step, with a live line below them on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from infra.launcher.state import State

PLAIN_STEPS = 10
PLAIN_WIDTH = 200


class StartDisplay:
    """Prints each program as it becomes ready, and in between what is waited for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._told: dict[str, tuple[str, int]] = {}
        self._status = console.status("starting") if console.is_terminal else None
        if self._status is not None:
            self._status.start()

    def show(self, state: State) -> None:
        """Takes the newest state; prints only what changed for a person."""
        for process in state.processes:
            news = (process.state, process.restarts)
            if news != self._told.get(process.name) and process.state in ("ready", "restarting"):
                seconds = time.monotonic() - self._began
                what = "ready" if process.state == "ready" else f"{process.reason}, starts again"
                self._console.print(f"{seconds:6.1f} s  {process.name:<14} {what}", markup=False)
                self._told[process.name] = news
        if self._status is not None:
            waiting = [each for each in state.processes if each.state == "starting"]
            names = ", ".join(f"{each.name} ({each.reason})" if each.reason else each.name for each in waiting)
            self._status.update(escape(f"waiting for {names}" if names else state.phase))

    def close(self) -> None:
        """Removes the live line."""
        if self._status is not None:
            self._status.stop()


@contextmanager
def fetch_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """A `progress(done, total)` of bytes: a bar on a terminal, a line per tenth elsewhere; silent until called."""
    if not console.is_terminal:
        told = -1

        def lines(done: int, total: int) -> None:
            nonlocal told
            tenth = done * PLAIN_STEPS // total
            if tenth > told:
                told = tenth
                console.print(f"fetching Kafka: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        yield lines
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("fetching Kafka"), *columns, console=console, transient=True) as progress:
        task = progress.add_task("kafka", visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def console(*, stderr: bool = False) -> Console:
    """Where commands print: as wide as the terminal, and wide enough for whole paths when it is a file or a pipe."""
    found = Console(soft_wrap=True, highlight=False, stderr=stderr)
    return found if found.is_terminal else Console(soft_wrap=True, highlight=False, stderr=stderr, width=PLAIN_WIDTH)
