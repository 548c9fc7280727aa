"""What the comparison of a filled generation with the serving one found, before the switch."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from projectors.rebuild_row import Begun, RebuildRefused

TRIES = 3
STILL_SECONDS = 2.0
"""A serving generation that is behind and does not move for so long is not waited for: nothing fills it."""
WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.02
NOT_HELD = "the serving generation could not be held at one position"

Positions = dict[int, int]
"""Next offset by partition."""


class TableCompared(NamedTuple):
    """One table in both generations, or one key in Redis with its members as rows."""

    table: str
    served: int | None
    """Rows of the serving generation; None where it has no such table."""
    filled: int | None
    """Rows of the filled one."""
    differ: bool | None
    """None where only rows were counted."""
    only_served: Sequence[str] = ()
    """The first rows that only the serving generation has, as text."""
    only_filled: Sequence[str] = ()

    def lines(self) -> list[str]:
        """It in words, a line each, the rows that only the serving generation has marked by `-`."""
        counts = " and ".join("none" if rows is None else f"{rows:,} rows" for rows in (self.served, self.filled))
        said = {True: "they differ", False: "the same", None: "not compared"}[self.differ]
        return [
            f"{self.table}: {counts}, {said}",
            *(f"  - {row}" for row in self.only_served),
            *(f"  + {row}" for row in self.only_filled),
        ]


class Comparison(NamedTuple):
    """Both generations at the same positions, or, where ``incomplete`` says why not, their sizes."""

    begun: Begun
    version: int
    tables: Sequence[TableCompared]
    parked: tuple[int, int]
    """Parked records of the serving and of the filled generation."""
    incomplete: str = ""

    @property
    def differ(self) -> bool:
        """Whether rows were found that differ."""
        return any(one.differ for one in self.tables)

    @property
    def refuses(self) -> bool:
        """Whether they differ although code of the same version made both."""
        return self.differ and self.begun.serving_version == self.version

    def lines(self) -> list[str]:
        """It in words. Of tables that are the same nothing is said."""
        begun = self.begun
        about = f"compared: generation {begun.serving} (version {begun.serving_version}), which served, "
        about += f"and {begun.filling} (version {self.version}), newly filled"
        if self.parked != (0, 0):
            about += f"; parked records: {self.parked[0]:,} and {self.parked[1]:,}"
        told = [line for one in self.tables if one.differ is not False for line in one.lines()]
        if not told and not self.incomplete:
            about += "; all rows are the same"
        return [about, *([f"not compared in full: {self.incomplete}"] if self.incomplete else []), *told]

    def described(self) -> Mapping[str, Any]:
        """It as JSON."""
        return {
            "serving": self.begun.serving,
            "serving_version": self.begun.serving_version,
            "filled": self.begun.filling,
            "filled_version": self.version,
            "differ": self.differ,
            "incomplete": self.incomplete or None,
            "parked": list(self.parked),
            "tables": [one._asdict() for one in self.tables],
        }


class Different(RebuildRefused):
    """The filled generation has other rows than the serving one, from the same events by the same version. It is kept,
    and the next rebuild goes on with it.
    """

    code = "rows_differ"
    exit_code = 3

    def __init__(self, projection: str, comparison: Comparison) -> None:
        super().__init__(
            "\n".join(
                [
                    f"{projection} was not switched: the rows differ, though version and events are the same",
                    *comparison.lines(),
                    f"`./stockroom rebuild {projection} --accept` switches all the same, `--anew` fills it again.",
                ]
            )
        )
        self.comparison = comparison


async def wait_for_serving(served: Callable[[], Awaitable[Positions]], filled: Positions) -> str:
    """Wait until the serving generation has all that the filled one has. Gives why it has not, else ``""``."""
    began = moved = time.monotonic()
    before = await served()
    while lacking := sum(max(0, end - before.get(partition, 0)) for partition, end in filled.items()):
        now = time.monotonic()
        if now - moved > STILL_SECONDS or now - began > WAIT_SECONDS:
            return f"the serving generation is {lacking:,} records behind"
        await asyncio.sleep(LOOK_SECONDS)
        standing = await served()
        if standing != before:
            before, moved = standing, now
    return ""
