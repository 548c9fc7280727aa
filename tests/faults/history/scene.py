"""A small run that is right in every detail, made by hand: what the checker must pass, and what tests doctor.

One SKU on one partition. Every step takes a second: it is sent at its number and answered half a second later.
"""

from typing import Any

from command_api.request import command_identity
from infra.http.principal import OPERATOR
from tests.faults.history.checker import Analysis, check
from tests.faults.history.history import History
from tests.faults.history.holder_rule import BEAT, CLAIM
from tests.faults.history.operation import Answer, JsonObject, Operation, Outcome, Request
from tests.faults.history.raw_log import Raw

ROUTE = "POST /v1/bulk"
SKU = "SKU-1"
STOCK = ("stock", 0)
FACTS = ("available", "current_version")


class Scene:
    """A history and a log that grow together."""

    def __init__(self) -> None:
        self.history = History()
        self.records: list[Raw] = []
        self._hold = ("", 0)
        self._version = 0

    def claim(self, writer: str, epoch: int) -> None:
        """A writer takes the partition."""
        self._hold = writer, epoch
        self.append(CLAIM, {})

    def append(self, kind: str, value: Any, key: str = "", sequence: int = 0, command: str = "", **other: Any) -> Raw:
        """A record at the end of the log, of the present holder unless told otherwise."""
        writer, epoch = other.get("hold", self._hold)
        offset = len(self.records)
        record = Raw(offset, 0, key, kind, writer, epoch, sequence, command, f"event-{offset}", "staff:operator", value)
        self.records.append(record)
        return record

    def sent(self, key: str, outcome: Outcome, kind: str, expected: int | None = None, **content: Any) -> Operation:
        """A sending that ends so; without an answer yet."""
        request = Request(ROUTE, key, {"type": kind, "sku": SKU, **content}, SKU, expected)
        number = len(self.history.operations)
        completed = number + 0.5 if outcome is not Outcome.INFO else float("inf")
        operation = Operation(number, 1, 0, request, number, completed, outcome)
        self.history.operations.append(operation)
        return operation

    def does(self, key: str, kind: str, *events: tuple[str, dict[str, Any]], **content: Any) -> Operation:
        """A command that is acknowledged with these events."""
        operation = self.sent(key, Outcome.OK, kind, **content)
        self.effect(operation, *events)
        operation.answer = Answer(SKU, self._version, *STOCK, len(self.records) - 1, effect=True, replayed=False)
        return operation

    def effect(self, operation: Operation, *events: tuple[str, dict[str, Any]]) -> None:
        """The events of a command."""
        identity = command_identity(OPERATOR, ROUTE, operation.request.key)
        for kind, value in events:
            self._version += 1
            self.append(f"stock.{kind}.v1", {"sku": SKU, **value}, SKU, self._version, identity)

    def repeats(self, operation: Operation) -> Operation:
        """The same key again, answered from memory."""
        again = self.sent(operation.request.key, Outcome.OK, operation.request.kind)
        again.request, first = operation.request, operation.answer
        assert first is not None
        place = first.subject, first.version, first.topic, first.partition, first.offset
        again.answer = Answer(*place, effect=True, replayed=True)
        return again

    def changes_nothing(self, key: str, kind: str, **content: Any) -> Operation:
        """A command that is acknowledged without an event, on a beat."""
        operation = self.sent(key, Outcome.OK, kind, **content)
        self.append(BEAT, {})
        operation.answer = Answer(SKU, self._version, *STOCK, len(self.records) - 1, effect=False, replayed=False)
        return operation

    def refused(self, key: str, code: str, kind: str, expected: int | None = None, **content: Any) -> Operation:
        """A command that a rule refuses."""
        facts: JsonObject = {name: content.pop(name) for name in FACTS if name in content}
        operation = self.sent(key, Outcome.FAIL, kind, expected, **content)
        operation.status, operation.code, operation.facts = 409, code, facts
        self.append(BEAT, {})
        return operation

    def check(self) -> Analysis:
        """What the checker says."""
        return check(self.history, {STOCK: self.records})


def reserved(reservation: str, quantity: int) -> tuple[str, dict[str, Any]]:
    """The event of a promise."""
    return "reserved", {"reservation_id": reservation, "warehouse_id": "MAIN", "quantity": quantity}


def clean() -> Scene:
    """Ten pieces; promises, a refused one; repeats; a release; refusals; a take-over and a zombie; unknown outcomes."""
    scene = Scene()
    scene.claim("writer-1", 1)
    scene.does("receive", "ReceiveStock", ("received", {"warehouse_id": "MAIN", "quantity": 10}), quantity=10)
    promise = scene.does("promise", "ReserveStock", reserved("r1", 4), reservation_id="r1", quantity=4)
    scene.repeats(promise)
    refusal = {"reservation_id": "r2", "requested": 7, "available": 6, "reason": "OUT_OF_STOCK"}
    scene.does("too-much", "ReserveStock", ("reservation_rejected", refusal), reservation_id="r2", quantity=7)
    scene.changes_nothing("promise-again", "ReserveStock", reservation_id="r1", quantity=4)
    scene.refused("take", "insufficient_stock", "AdjustStock", delta=-7, available=6)
    scene.refused("stale", "version_conflict", "AdjustStock", 2, delta=-1, current_version=3)
    scene.does("exact", "AdjustStock", ("adjusted", {"warehouse_id": "MAIN", "delta": -1}), expected=3, delta=-1)
    scene.claim("writer-2", 2)
    scene.append("stock.adjusted.v1", {"sku": SKU, "delta": -9}, SKU, 5, "zombie", hold=("writer-1", 1))
    unknown = scene.sent("unknown", Outcome.INFO, "ReserveStock", reservation_id="r3", quantity=2)
    scene.effect(unknown, reserved("r3", 2))
    scene.sent("lost", Outcome.INFO, "ReserveStock", reservation_id="r4", quantity=2)
    release = {"reservation_id": "r1", "warehouse_id": "MAIN", "quantity": 4}
    scene.does("release", "ReleaseReservation", ("released", release), reservation_id="r1")
    counted = {"warehouse_id": "MAIN", "previous_quantity": 9, "counted_quantity": 8}
    scene.does("count", "CountStock", ("counted", counted), counted_quantity=8)
    return scene
