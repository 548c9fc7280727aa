"""A small run that is right in every detail, made by hand: what the checker must pass, and what tests doctor.

Every step takes a second: it is sent at its number and answered half a second later.
"""

from typing import Any

from command_api.request import command_identity
from infra.principal import OPERATOR
from tests.faults.history.checker import Analysis, check
from tests.faults.history.history import History
from tests.faults.history.holder_rule import BEAT, CLAIM
from tests.faults.history.operation import Answer, JsonObject, Operation, Outcome, Request
from tests.faults.history.raw_log import Partition, Raw
from tests.faults.history.read import Read

ROUTE = "POST /v1/bulk"
SKU, PRODUCT, ORDER, OTHER_ORDER = "SKU-1", "product-1", "order-1", "order-2"
STOCK, CATALOG, ORDERS = ("stock", 0), ("catalog", 0), ("orders", 0)
FACTS = ("available", "current_version")

Event = tuple[str, JsonObject]
"""Type and content."""


class Scene:
    """A history and a log that grow together, one aggregate after the other: ``turn_to`` says which."""

    def __init__(self) -> None:
        self.history = History()
        self.log: dict[Partition, list[Raw]] = {}
        self._holds: dict[Partition, tuple[str, int]] = {}
        self._versions: dict[str, int] = {}
        self.turn_to(STOCK, SKU)

    def turn_to(self, partition: Partition, subject: str) -> None:
        """What follows concerns this aggregate and its partition."""
        self._partition, self._subject = partition, subject
        self.records = self.log.setdefault(partition, [])
        self._versions.setdefault(subject, 0)

    def claim(self, writer: str, epoch: int) -> None:
        """A writer takes the partition."""
        self._holds[self._partition] = writer, epoch
        self.append(CLAIM, {})

    def append(self, kind: str, value: Any, key: str = "", sequence: int = 0, command: str = "", **other: Any) -> Raw:
        """A record at the end of the partition, of the present holder unless told otherwise."""
        writer, epoch = other.get("hold", self._holds[self._partition])
        offset, event = len(self.records), f"event-{self._partition[0]}-{len(self.records)}"
        record = Raw(offset, 0, key, kind, writer, epoch, sequence, command, event, "staff:operator", value)
        self.records.append(record)
        return record

    def sent(self, key: str, outcome: Outcome, kind: str, expected: int | None = None, **content: Any) -> Operation:
        """A sending that ends so; without an answer yet."""
        name = {"stock": "sku", "orders": "order_id", "catalog": "product_id"}[self._partition[0]]
        told = {"type": kind, **content} if kind == "PlaceOrder" else {"type": kind, name: self._subject, **content}
        number = len(self.history.operations)
        completed = number + 0.5 if outcome is not Outcome.INFO else float("inf")
        request = Request(ROUTE, key, told, self._subject, expected)
        operation = Operation(number, 1, 0, request, number, completed, outcome)
        self.history.operations.append(operation)
        return operation

    def does(self, key: str, kind: str, *events: Event, **content: Any) -> Operation:
        """A command that is acknowledged with these events."""
        operation = self.sent(key, Outcome.OK, kind, **content)
        self.effect(operation, *events)
        operation.answer = self._answer(effect=True)
        return operation

    def effect(self, operation: Operation, *events: Event) -> None:
        """The events of a command."""
        identity = command_identity(OPERATOR, ROUTE, operation.request.key)
        for kind, value in events:
            self._versions[self._subject] += 1
            self.append(f"{kind}.v1", value, self._subject, self._versions[self._subject], identity)

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
        operation.answer = self._answer(effect=False)
        return operation

    def refused(self, key: str, code: str, kind: str, expected: int | None = None, **content: Any) -> Operation:
        """A command that a rule refuses."""
        facts: JsonObject = {name: content.pop(name) for name in FACTS if name in content}
        operation = self.sent(key, Outcome.FAIL, kind, expected, **content)
        operation.status, operation.code, operation.facts = 409, code, facts
        self.append(BEAT, {})
        return operation

    def reads(self, key: str, version: int) -> None:
        """A query with the token of a command's answer, which shows this version."""
        told, at = self.answer(key), float(len(self.history.operations) + len(self.history.reads))
        self.history.read(Read(told.topic, told.subject, told.version, at, at + 0.5, version))

    def operation(self, key: str) -> Operation:
        """The first sending of a command."""
        return next(operation for operation in self.history if operation.request.key == key)

    def answer(self, key: str) -> Answer:
        """The answer to it."""
        found = self.operation(key).answer
        assert found is not None
        return found

    def record(self, key: str) -> Raw:
        """The last record of a command."""
        told = self.answer(key)
        return self.log[told.topic, told.partition][told.offset]

    def check(self) -> Analysis:
        """What the checker says."""
        return check(self.history, self.log)

    def _answer(self, effect: bool) -> Answer:
        version, offset = self._versions[self._subject], len(self.records) - 1
        return Answer(self._subject, version, *self._partition, offset, effect=effect, replayed=False)
