"""One SKU's ledger folded from the JSON of its records, beside the product's own rules and independent of them.

Several events name what their decision was made on (what was on hand, what was available), so a decision on another
state than the one before it in the log gives itself away.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from tests.faults.history.raw_log import Raw

REMEMBERED_CLOSURES = 4_096
"""So many closed reservations the product promises to remember; what was closed before may come again."""


class Ledger:
    """What is on hand and promised in each warehouse, and what was so at each version."""

    def __init__(self) -> None:
        self.levels: dict[str, list[int]] = {}
        self._open: dict[str, tuple[str, int]] = {}
        self._openings: dict[str, list[int]] = {}
        """The versions at which a reservation was made: again, where its end is forgotten."""
        self._closures: dict[str, list[int]] = {}
        """The versions at which it was released, shipped or refused, where its last end was forgotten or was none."""
        self._all_closures: list[int] = []
        self._levels_at: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}

    def fold(self, records: Iterable[Raw]) -> Iterator[str]:
        """Take the records in order, a command at a time; yields what is wrong."""
        for _, command in groupby(records, key=lambda record: record.command_id):
            for record in command:
                yield from (f"{record.type} at version {record.sequence}: {wrong}" for wrong in self._take(record))
            for warehouse, (on_hand, reserved) in self.levels.items():
                if not 0 <= reserved <= on_hand:
                    yield f"version {record.sequence}: {reserved} reserved of {on_hand} in {warehouse}"

    def level_at(self, warehouse: str, version: int) -> tuple[int, int]:
        """(on hand, reserved) in a warehouse once the SKU had that version."""
        versions, levels = self._levels_at.get(warehouse, ([], []))
        index = bisect_right(versions, version)
        return levels[index - 1] if index else (0, 0)

    def open_at(self, reservation: str, version: int) -> bool:
        """Whether a reservation held goods once the SKU had that version."""
        opened = _last(self._openings.get(reservation, []), version)
        return opened > _last(self._closures.get(reservation, []), version)

    def closed_at(self, reservation: str, version: int) -> bool:
        """Whether a reservation had ended once the SKU had that version, and was remembered."""
        closed = _last(self._closures.get(reservation, []), version)
        since = bisect_right(self._all_closures, version) - bisect_left(self._all_closures, closed)
        return closed > 0 and not self.open_at(reservation, version) and since <= REMEMBERED_CLOSURES

    def _level(self, warehouse: str) -> list[int]:
        return self.levels.setdefault(warehouse, [0, 0])

    def _move(self, record: Raw, warehouse: str, on_hand: int, reserved: int) -> None:
        level = self._level(warehouse)
        level[0] += on_hand
        level[1] += reserved
        versions, levels = self._levels_at.setdefault(warehouse, ([], []))
        versions.append(record.sequence)
        levels.append((level[0], level[1]))

    def _take(self, record: Raw) -> Iterator[str]:
        told: dict[str, Any] = record.value
        match record.type:
            case "stock.received.v1":
                self._move(record, told["warehouse_id"], told["quantity"], 0)
            case "stock.counted.v1":
                before = self._level(told["warehouse_id"])[0]
                if told["previous_quantity"] != before:
                    yield f"counted on {told['previous_quantity']} on hand, there were {before}"
                self._move(record, told["warehouse_id"], told["counted_quantity"] - told["previous_quantity"], 0)
            case "stock.adjusted.v1":
                self._move(record, told["warehouse_id"], told["delta"], 0)
            case "stock.reserved.v1":
                reservation = told["reservation_id"]
                if reservation in self._open or self.closed_at(reservation, record.sequence):
                    yield f"{reservation} was reserved before"
                self._openings.setdefault(reservation, []).append(record.sequence)
                self._open[reservation] = told["warehouse_id"], told["quantity"]
                self._move(record, told["warehouse_id"], 0, told["quantity"])
            case "stock.reservation_rejected.v1":
                yield from self._refused(record, told)
                self._close(told["reservation_id"], record)
            case "stock.released.v1" | "stock.shipped.v1":
                yield from self._closing(record, told)
            case _:
                yield "an event that no ledger has"

    def _refused(self, record: Raw, told: dict[str, Any]) -> Iterator[str]:
        in_each = [on_hand - reserved for on_hand, reserved in self.levels.values()]
        if told["available"] != sum(in_each):
            yield f"refused on {told['available']} available, there were {sum(in_each)}"
        if told["reason"] != "ALREADY_RELEASED" and max(in_each, default=0) >= told["requested"]:
            yield f"refused {told['requested']} though one warehouse had {max(in_each)}"
        if told["reason"] == "ALREADY_RELEASED" and not self.closed_at(told["reservation_id"], record.sequence):
            yield "refused as already released, which it was not"

    def _closing(self, record: Raw, told: dict[str, Any]) -> Iterator[str]:
        reservation = told["reservation_id"]
        held = self._open.pop(reservation, None)
        if told.get("warehouse_id") is None:
            if held is not None or told["quantity"] != 0:
                yield f"a mark for {reservation}, of which {held} is open"
        elif held != (told["warehouse_id"], told["quantity"]):
            yield f"{reservation} frees {told['quantity']} in {told['warehouse_id']}, but {held} was open"
        else:
            on_hand = -told["quantity"] if record.type == "stock.shipped.v1" else 0
            self._move(record, told["warehouse_id"], on_hand, -told["quantity"])
        self._close(reservation, record)

    def _close(self, reservation: str, record: Raw) -> None:
        if not self.closed_at(reservation, record.sequence):
            self._closures.setdefault(reservation, []).append(record.sequence)
            self._all_closures.append(record.sequence)


def _last(versions: list[int], until: int) -> int:
    """The last of the versions up to one, 0 if there is none."""
    index = bisect_right(versions, until)
    return versions[index - 1] if index else 0
