"""docs/measurements.md, made from the results: every figure with its machine and its command."""

from collections.abc import Iterable, Iterator

from benchmarks.figures import RESULTS, Result
from infra.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "measurements.md"
HEAD = """# Measurements

Written by `./stockroom bench page` from the results in `benchmarks/results`; not edited by hand. Each benchmark starts
servers and processes of its own in a temporary home, so that it can be run beside anything else; the load average tells
how busy the machine was before and after. A missed target is shown as it was measured. `$STOCKROOM_DATA` is a folder
with the full data files; without it a generated sample of the same size is imported.
"""


def page_of(results: Iterable[Result]) -> str:
    """The page as Markdown."""
    lines = [HEAD]
    for result in results:
        lines += [*_result(result), ""]
    return "\n".join(lines).rstrip() + "\n"


def _result(result: Result) -> Iterator[str]:
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.machine.items())
    yield f"## {result.benchmark}\n\n    {result.command}\n\n{result.date}; {told}."
    if (RESULTS / f"{result.benchmark}.png").exists():
        yield f"\n![{result.benchmark}](../benchmarks/results/{result.benchmark}.png)"
    for section in result.sections:
        yield f"\n{section.title[0].upper()}{section.title[1:]}:\n\n| | | |\n|---|--:|---|"
        for figure in section.figures:
            yield f"| {figure.name} | {figure.shown} | {figure.verdict} |"
