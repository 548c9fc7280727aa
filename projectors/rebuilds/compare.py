"""What the comparison of a filled generation with the serving one found, before the switch."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from projectors.rebuilds.row import Begun, RebuildRefused

TAKEN_OUT = "parked records were taken out of what serves since it was compared"
LOST_BY_LOG = "the serving generation has records that the log has not"


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
    unparked: Mapping[int, int]
    """By partition: how many times parked records had been taken out of the serving generation."""
    incomplete: str = ""
    skipped: bool = False
    """The serving generation has rows that could have been compared, and was passed by."""
    beyond: Sequence[int] = ()
    """Partitions in which the serving generation stands beyond the log's end."""

    @property
    def differ(self) -> bool:
        """Whether rows were found that differ."""
        return any(one.differ for one in self.tables)

    @property
    def refuses(self) -> bool:
        """Whether a person has to accept the switch: code of the same version made both, and they differ or were not
        compared; or what serves has records that the log has not.
        """
        same_version = self.begun.serving_version == self.version
        return bool(self.beyond) or ((self.differ or self.skipped) and same_version)

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
        if self.beyond:
            about += f"; beyond the log's end in partitions {', '.join(map(str, self.beyond))}"
        how = "NOT COMPARED" if self.skipped else "not compared in full"
        return [about, *([f"{how}: {self.incomplete}"] if self.incomplete else []), *told]

    def described(self) -> Mapping[str, Any]:
        """It as JSON."""
        return {
            "serving": self.begun.serving,
            "serving_version": self.begun.serving_version,
            "filled": self.begun.filling,
            "filled_version": self.version,
            "differ": self.differ,
            "incomplete": self.incomplete or None,
            "skipped": self.skipped,
            "beyond": list(self.beyond),
            "parked": list(self.parked),
            "tables": [one._asdict() for one in self.tables],
        }


class NotSwitched(RebuildRefused):
    """What the comparison found forbids the switch until a person accepts it. What was filled is kept, and the next
    rebuild goes on with it.
    """

    said: ClassVar[str]
    """What the matter is, with the name of the ``{projection}``."""
    way_out: ClassVar[str]
    """What can be done."""

    def __init__(self, projection: str, comparison: Comparison) -> None:
        said, way_out = (text.format(projection=projection) for text in (self.said, self.way_out))
        super().__init__("\n".join([said, *comparison.lines(), way_out]))
        self.comparison = comparison


class Different(NotSwitched):
    """The filled generation has other rows than the serving one, from the same events by the same version."""

    code = "rows_differ"
    exit_code = 3
    said = "{projection} was not switched: the rows differ, though version and events are the same"
    way_out = "`./stockroom rebuild {projection} --accept` switches all the same, `--anew` fills it again."


class NotCompared(NotSwitched):
    """The serving generation, which the same version has filled, stands still or could not be held."""

    code = "not_compared"
    exit_code = 4
    said = "{projection} was not switched: it could not be compared with what serves, which has the same version"
    way_out = (
        "Start the projectors and run the same command again, which goes on; "
        "`./stockroom rebuild {projection} --accept` switches all the same."
    )


class LogShorter(NotSwitched):
    """What serves has applied records that the log has not any more, e.g. since Kafka lost its last ones in a crash.
    What was filled has only what the log has.
    """

    code = "log_shorter"
    exit_code = 4
    said = "{projection} was not switched: what serves stands beyond the log's end"
    way_out = "`./stockroom rebuild {projection} --accept` switches to what the log has, without what it has lost."


def refusal(projection: str, compared: Comparison) -> NotSwitched:
    """Why a comparison that ``refuses`` does."""
    kind = LogShorter if compared.beyond else Different if compared.differ else NotCompared
    return kind(projection, compared)
