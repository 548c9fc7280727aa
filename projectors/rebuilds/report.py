"""What the rebuild of one projection did."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from projectors.rebuilds.compare import Comparison


class Report(NamedTuple):
    """What a rebuild did."""

    projection: str
    generation: int
    events: int
    seconds: float
    rows: Mapping[str, int]
    parked_keys: int
    compared: Comparison
    remark: str = ""
    """What was left undone after the switch, and why; then ``rows`` may be empty."""

    def described(self) -> dict[str, Any]:
        """It as JSON."""
        return {**self._asdict(), "compared": self.compared.described()}

    def line(self) -> str:
        """It in words."""
        rate = self.events / self.seconds if self.seconds else 0.0
        rows = ", ".join(f"{name} {count:,}" for name, count in self.rows.items())
        return (
            f"{self.projection}: generation {self.generation} serves; {self.events:,} events in {self.seconds:.1f} s, "
            f"{rate:,.0f} events/s; parked keys {self.parked_keys}; rows: {rows}"
            f"{self.remark and '; '}{self.remark}"
        )
