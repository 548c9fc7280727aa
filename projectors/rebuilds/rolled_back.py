"""What the rollback of one projection did."""

from typing import NamedTuple


class RolledBack(NamedTuple):
    """What a rollback did."""

    projection: str
    generation: int
    """The one that serves now."""
    version: int
    kept_generation: int
    """The one that served before."""
    kept_version: int
    code_version: int
    """Of the code that did it. Where it is not ``version``, nothing that this code runs fills the generation."""
    events_behind: int
    """Records that the generation had not read and the one before had, just before."""
    milliseconds: float
    """From the moment that commits were held back to the end of the transaction."""
    remark: str = ""
    """Why queries do not see it yet."""

    def line(self) -> str:
        """It in words."""
        said = (
            f"{self.projection}: generation {self.generation} (version {self.version}) serves again, "
            f"{self.events_behind:,} events behind; {self.kept_generation} (version {self.kept_version}) is kept; "
            f"{self.milliseconds:.0f} ms"
        )
        if self.version != self.code_version:
            said += (
                f"\nIt is out of date: this code is version {self.code_version} and does not fill it. "
                f"Start code of version {self.version}, or run `./stockroom rebuild {self.projection}`."
            )
        return f"{said}\n{self.remark}" if self.remark else said
