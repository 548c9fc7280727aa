"""Shows a rebuild: a bar with rate and estimate for each projection, or plain lines where there is no terminal."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from projectors.rebuilds.report import Report

LINE_SECONDS = 2.0


class Progress:
    """The display of several rebuilds. Use as a context manager; ``report`` after it."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._tasks: dict[str, Task] = {}
        self.bars = Bars(
            TextColumn("{task.description:15}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.completed:,.0f}/{task.total:,.0f} events"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[step]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.bars.stop()

    def task(self, projection: str) -> "Task":
        """The line of one projection."""
        bar = self.bars.add_task(projection, total=0, rate="", step="waiting")
        self._tasks[projection] = Task(self, projection, bar)
        return self._tasks[projection]

    def report(self, reports: Sequence[Report]) -> None:
        """What was done: events, rate, rows, and what the comparison found."""
        for one in reports:
            self._tasks[one.projection].reported(one)
            self.console.print(one.line(), highlight=False, soft_wrap=True)
            for line in one.compared.lines():
                self.console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)

    def described(self) -> list[dict[str, Any]]:
        """Each projection as JSON: what it does now, how far it is, and once it is done its report."""
        return [task.described() for task in self._tasks.values()]


class Task:
    """The progress of one projection's rebuild."""

    def __init__(self, progress: Progress, name: str, bar: TaskID) -> None:
        self._progress = progress
        self._name = name
        self._bar = bar
        self._total = 0
        self._started = self._said = time.monotonic()
        self._step = "waiting"
        self._generation: int | None = None
        self._report: Report | None = None
        self.done = 0
        """Records passed so far."""

    def begin(self, generation: int, resumed: bool) -> None:
        """The generation is known and filling starts."""
        self._started = self._said = time.monotonic()
        self._generation = generation
        self.says(f"{'resuming' if resumed else 'filling'} generation {generation}")

    def expect(self, behind: int) -> None:
        """So many records are still to come."""
        self._total = self.done + behind
        self._progress.bars.update(self._bar, total=self._total)

    def advanced(self, records: int) -> None:
        """So many records were passed."""
        self.done += records
        seconds = max(time.monotonic() - self._started, 0.001)
        rate = self.done / seconds
        self._progress.bars.update(self._bar, completed=self.done, rate=f"{rate:,.0f} events/s")
        if time.monotonic() - self._said > LINE_SECONDS:
            left = max(self._total - self.done, 0) / rate if rate else 0.0
            self._line(f"{self.done:,}/{self._total:,} events, {rate:,.0f} events/s, about {left:.0f} s left")

    def says(self, step: str) -> None:
        """What it does now, in a few words."""
        self._step = step
        self._progress.bars.update(self._bar, step=step)
        self._line(step)

    def reported(self, report: Report) -> None:
        """It is done."""
        self._step, self._report = "done", report

    def described(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "projection": self._name,
            "generation": self._generation,
            "step": self._step,
            "done": self.done,
            "expected": max(self._total, self.done),
            "report": self._report and self._report.described(),
        }

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        if not self._progress.console.is_terminal:
            self._progress.console.print(f"{self._name}: {text}", highlight=False)
