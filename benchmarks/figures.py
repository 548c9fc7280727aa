"""What a benchmark found: figures with units and targets, in sections, as JSON and as tables."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One figure. A bool is a check that must hold; `target` is the highest value wanted, in the figure's unit."""

    name: str
    value: float | str | bool
    unit: str = ""
    target: float | None = None

    @property
    def shown(self) -> str:
        """The value as a person reads it, with its unit."""
        match self.value:
            case bool() as holds:
                return "yes" if holds else "NO"
            case str() as text:
                return text
            case int() as number:
                text = f"{number:,}"
            case number:
                text = f"{number:,.0f}" if number >= 1000 else f"{number:.3g}" if number < 10 else f"{number:,.1f}"
        return f"{text} {self.unit}".strip()

    @property
    def verdict(self) -> str:
        """The target and whether it was met; empty without one."""
        if self.target is None or isinstance(self.value, str):
            return ""
        return f"≤ {self.target:g} {self.unit}: {'met' if self.value <= self.target else 'missed'}"


@dataclass(frozen=True)
class Section:
    """Figures that belong together, under a title."""

    title: str
    figures: list[Figure]


@dataclass(frozen=True)
class Result:
    """One run of a benchmark: what was run, when, on which machine, and what came out."""

    benchmark: str
    command: str
    date: str
    machine: dict[str, Any]
    sections: list[Section] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every check holds. Missed targets of time do not count: machines differ."""
        return not any(figure.value is False for section in self.sections for figure in section.figures)

    def tables(self) -> Iterator[Table]:
        """A table per section, for the terminal."""
        for section in self.sections:
            table = Table(title=section.title, title_justify="left", box=None, pad_edge=False)
            table.add_column()
            table.add_column(justify="right")
            table.add_column()
            for figure in section.figures:
                table.add_row(figure.name, figure.shown, figure.verdict)
            yield table

    def show(self, console: Console) -> None:
        """Print all tables, and where and when it was."""
        for table in self.tables():
            console.print(table, "")
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.machine.items())
        console.print(f"{self.command}\n{self.date}; {told}", highlight=False, soft_wrap=True)

    def save(self, folder: Path = RESULTS) -> Path:
        """Write `folder/BENCHMARK.json` and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.benchmark}.json"
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> "Result":
        """What `save` wrote."""
        content = json.loads(path.read_text())
        sections = [Section(each["title"], [Figure(**one) for one in each["figures"]]) for each in content["sections"]]
        return cls(**{**content, "sections": sections})


def milliseconds(name: str, seconds: list[float], target_p99: float | None = None) -> list[Figure]:
    """p50, p99 and maximum of at least two durations given in seconds; the target is in ms."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return [
        Figure(f"{name}, p50", round(median(seconds) * 1000, 2), "ms"),
        Figure(f"{name}, p99", round(cuts[98] * 1000, 2), "ms", target_p99),
        Figure(f"{name}, max", round(max(seconds) * 1000, 2), "ms"),
    ]
