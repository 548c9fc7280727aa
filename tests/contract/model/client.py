"""Clients: commands on a few aggregates that all of them want, repeated until their outcome is known, and later too."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent
from command_api.refusals import InProgress, KeyReused, NotReady, Refused, UnknownOutcome, VersionConflict
from domain.decider import Command
from domain.order_commands import CancelOrder, PlaceOrder
from domain.stock_commands import AdjustStock, CountStock, ReceiveStock, ReleaseReservation, ReserveStock, ShipReserved
from event_schemas.money import Money
from event_schemas.order import OrderLine
from event_schemas.stock import AdjustmentReason, Purpose, ReleaseReason
from event_schemas.topics import STOCK
from infra.http.problems import DependencyUnavailable
from tests.contract.model.group import Coordinator
from tests.contract.model.instance import Instance, Logs, Outcome
from tests.contract.model.world import EPOCH, World

PATIENCE_SECONDS = 8.0
ATTEMPTS = 60
LONGEST_DEADLINE_SECONDS = 8.0
SKUS = ("A", "A", "B", "B", "C", "D")
QUARANTINED = "Q"
"""A SKU with an event that nobody can read."""
AGAIN = NotReady | HeldElsewhere | UnknownOutcome | InProgress | DependencyUnavailable
"""What a client repeats a command after."""
PRICE = Money(amount=100, currency="USD")


class Attempt(NamedTuple):
    """One request and what came of it. ``since`` and ``until``: the log's length when it was sent and answered."""

    intent: Intent
    instance: str
    since: int
    until: int
    outcome: Outcome


class Clients:
    """All clients, in one process. ``attempts`` is what they saw."""

    def __init__(self, world: World, coordinator: Coordinator, instances: Mapping[str, Instance], logs: Logs) -> None:
        self.process = world.process("clients")
        self.attempts: list[Attempt] = []
        self.gone: list[Intent] = []
        """Commands whose client never learned."""
        self._world = world
        self._coordinator = coordinator
        self._instances = instances
        self._logs = logs
        self._orders: list[str] = ["o-none"]
        self._reservations: list[str] = ["r-none"]
        self._versions: dict[str, int] = {}

    def begin(self, name: str, commands: int, think_seconds: float) -> "asyncio.Task[None]":
        """Start a client that carries out so many commands."""
        return self.process.create_task(self._live(name, commands, think_seconds), name=name)

    async def _live(self, name: str, commands: int, think_seconds: float) -> None:
        rng = self._world.rng
        for number in range(commands):
            await asyncio.sleep(rng.expovariate(1 / think_seconds))
            intent = self._intent(f"{name}-{number}")
            if rng.random() < 0.1:
                await asyncio.gather(self._until_known(intent), self._until_known(intent))
            await self._until_known(intent)
            if rng.random() < 0.15:
                await self._until_known(intent)
            if intent.fingerprint and rng.random() < 0.05:
                await self._until_known(intent._replace(command=_other(intent.command), fingerprint="another body"))

    async def _until_known(self, intent: Intent) -> None:
        for _ in range(ATTEMPTS):
            outcome = await self._attempt(intent)
            if isinstance(outcome, Answer):
                self._versions[outcome.subject] = outcome.version
                return
            if isinstance(outcome, Refused | VersionConflict | KeyReused):
                return
            if not (outcome is None or isinstance(outcome, AGAIN)):
                return
            await asyncio.sleep(self._world.rng.uniform(0, 0.4))
        self.gone.append(intent)

    async def _attempt(self, intent: Intent) -> Outcome:
        rng, log = self._world.rng, self._logs[intent.command.topic]
        owner = self._coordinator.assigned[1]
        name = owner if owner and rng.random() < 0.8 else rng.choice(sorted(self._instances))
        instance, since = self._instances[name], len(log.records)
        leaves = rng.expovariate(1 / 0.05) if rng.random() < self._world.losses else None
        outcome = await self._world.ask(instance.process, PATIENCE_SECONDS, instance.serve, intent, leaves)
        self.attempts.append(Attempt(intent, name, since, len(log.records), outcome))
        return outcome  # type: ignore[no-any-return]  # what ``serve`` answers

    def _intent(self, key: str) -> Intent:
        rng = self._world.rng
        command, by_policy = self._command(rng, key)
        expected = None
        if not by_policy and rng.random() < 0.2:
            expected = max(0, self._versions.get(command.aggregate_id, 0) + rng.choice([0, 0, 0, -1, 1]))
        fingerprint = "" if by_policy else f"{command.type} {key}"  # type: ignore[attr-defined]  # all of them have one
        return Intent(command, key, fingerprint, "user:model", key, key, expected_version=expected)

    def _command(self, rng: random.Random, key: str) -> tuple[Command, bool]:
        """A command, and whether it comes from a policy, whose commands have no fingerprint."""
        sku, quantity = rng.choice(SKUS), rng.randint(1, 3)
        if rng.random() < 0.03:
            return ReceiveStock(sku=QUARANTINED, quantity=quantity), False
        match rng.randrange(10):
            case 0:
                return ReceiveStock(sku=sku, quantity=quantity), False
            case 1:
                return AdjustStock(sku=sku, delta=-quantity, reason=AdjustmentReason.LOST), False
            case 2:
                return CountStock(sku=sku, counted_quantity=rng.randint(0, 6)), False
            case 3 | 4 | 5:
                self._reservations.append(f"r-{key}")
                return (
                    ReserveStock(sku=sku, reservation_id=f"r-{key}", purpose=Purpose.SALE, ref_id=key, quantity=1),
                    True,
                )
            case 6:
                reservation = rng.choice(self._reservations[-5:])
                return ReleaseReservation(sku=sku, reservation_id=reservation, reason=ReleaseReason.CANCELLED), False
            case 7:
                return ShipReserved(sku=sku, reservation_id=rng.choice(self._reservations), shipment_id=key), False
            case 8:
                return CancelOrder(order_id=rng.choice(self._orders[-3:])), False
            case _:
                self._orders.append(f"o-{key}")
                return self._place(f"o-{key}", rng.uniform(0.5, LONGEST_DEADLINE_SECONDS)), False

    def _place(self, order_id: str, seconds: float) -> PlaceOrder:
        now = datetime.fromtimestamp(EPOCH + self._world.now, UTC)
        line = OrderLine(
            line_id="1", product_id="p", sku="A", name="A thing", quantity=1, unit_price=PRICE, line_total=PRICE
        )
        expires_at = now + timedelta(seconds=seconds)
        return PlaceOrder(order_id=order_id, order_number=order_id, placed_at=now, lines=(line,), expires_at=expires_at)


def _other(command: Command) -> Command:
    """Another command on the same aggregate."""
    if command.topic == STOCK.name:
        return ReceiveStock(sku=command.aggregate_id, quantity=77)
    return CancelOrder(order_id=command.aggregate_id, reason="another body")
