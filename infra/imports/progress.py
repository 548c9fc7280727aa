"""What a person sees while an import runs: a live bar on a terminal, a line every two seconds elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 2.0


class ImportProgress:
    """Progress over one phase after another. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self._phase = ""
        self._total = self._done = self._rows = 0
        self._began = self._told = time.monotonic()
        self._said = ""
        self._task = self._bar.add_task("", visible=False, rate="", note="")

    def __enter__(self) -> "ImportProgress":
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def phase(self, name: str, total: int) -> None:
        """Begin another phase of `total` commands."""
        self._phase, self._total, self._done, self._rows = name, total, 0, 0
        self._began = self._told = time.monotonic()
        self._bar.update(self._task, visible=False)
        self._task = self._bar.add_task(name, total=total or None, rate="", note="")

    def advance(self, rows: int) -> None:
        """One command of the phase is settled; it stood for so many rows of the file."""
        self._done += 1
        self._rows += rows
        now = time.monotonic()
        pause = 0.1 if self._console.is_terminal else PLAIN_SECONDS
        if now - self._told < pause and self._done < self._total:
            return
        self._told = now
        rate = self._rate(now)
        self._bar.update(self._task, completed=self._done, rate=rate, note="")
        if not self._console.is_terminal:
            left = (now - self._began) / self._done * (self._total - self._done)
            self._console.print(f"{self._phase}: {self._done:,} of {self._total:,}, {rate}, {left:.0f} s left")

    def say(self, text: str) -> None:
        """Something to know while it goes on: beside the bar, or as a line when it is news."""
        self._bar.update(self._task, note=text)
        now = time.monotonic()
        if not self._console.is_terminal and text != self._said and now - self._told >= PLAIN_SECONDS:
            self._said, self._told = text, now
            self._console.print(text, markup=False)

    def _rate(self, now: float) -> str:
        seconds = max(now - self._began, 1e-3)
        rows = f"{self._rows:,} rows, " if self._rows else ""
        return f"{rows}{self._done / seconds:,.0f}/s"
