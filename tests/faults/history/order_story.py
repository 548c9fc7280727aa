"""One order folded from the JSON of its records: which status it had at each version, and whether it could."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from tests.faults.history.raw_log import Raw

NEXT = {
    "order.placed.v1": ((None,), "PENDING"),
    "order.confirmed.v1": (("PENDING",), "CONFIRMED"),
    "order.rejected.v1": (("PENDING",), "REJECTED"),
    "order.cancelled.v1": (("PENDING", "CONFIRMED"), "CANCELLED"),
    "order.expired.v1": (("PENDING",), "EXPIRED"),
}
"""The statuses from which each event may come, and the status after it. All other events leave the status alone."""


class OrderStory:
    """The statuses of one order."""

    def __init__(self) -> None:
        self._versions: list[int] = []
        self._statuses: list[str] = []

    def fold(self, records: Iterable[Raw]) -> Iterator[str]:
        """Take the records in order; yields what is wrong."""
        status: str | None = None
        for record in records:
            before, after = NEXT.get(record.type, ((status,), status))
            if status not in before:
                yield f"{record.type} at version {record.sequence} when the order was {status}"
            if record.type == "order.placed.v1":
                yield from self._sums(record)
            if after is not None and after != status:
                status = after
                self._versions.append(record.sequence)
                self._statuses.append(after)

    def status_at(self, version: int) -> str | None:
        """The status once the order had that version; None before it was placed."""
        index = bisect_right(self._versions, version)
        return self._statuses[index - 1] if index else None

    def _sums(self, record: Raw) -> Iterator[str]:
        lines = record.value["lines"]
        if any(line["line_total"]["amount"] != line["quantity"] * line["unit_price"]["amount"] for line in lines):
            yield "a line's total is not its quantity times its price"
        if record.value["total"]["amount"] != sum(line["line_total"]["amount"] for line in lines):
            yield "the total is not the sum of the lines"
