"""Shows a rebuild: a bar with rate and estimate for each projection, or plain lines where there is no terminal."""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from projectors.rebuild_compare import Comparison

LINE_SECONDS = 2.0


class _Reported(Protocol):
    @property
    def projection(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def rows(self) -> Mapping[str, int]: ...
    @property
    def parked_keys(self) -> int: ...
    @property
    def compared(self) -> Comparison: ...


class Progress:
    """The display of several rebuilds. Use as a context manager; ``report`` after it."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
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
        return Task(self, projection, self.bars.add_task(projection, total=0, rate="", step="waiting"))

    def report(self, reports: Sequence[_Reported]) -> None:
        """What was done: events, rate, rows."""
        for one in reports:
            rate = one.events / one.seconds if one.seconds else 0.0
            rows = ", ".join(f"{name} {count:,}" for name, count in one.rows.items())
            self.console.print(
                f"{one.projection}: generation {one.generation} serves; {one.events:,} events in {one.seconds:.1f} s, "
                f"{rate:,.0f} events/s; parked keys {one.parked_keys}; rows: {rows}",
                highlight=False,
                soft_wrap=True,
            )
            for line in one.compared.lines():
                self.console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)


class Task:
    """The progress of one projection's rebuild."""

    def __init__(self, progress: Progress, name: str, bar: TaskID) -> None:
        self._progress = progress
        self._name = name
        self._bar = bar
        self._total = 0
        self._started = self._said = time.monotonic()
        self.done = 0
        """Records passed so far."""

    def begin(self, generation: int, resumed: bool) -> None:
        """The generation is known and filling starts."""
        self._started = self._said = time.monotonic()
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
        self._progress.bars.update(self._bar, step=step)
        self._line(step)

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        if not self._progress.console.is_terminal:
            self._progress.console.print(f"{self._name}: {text}", highlight=False)
