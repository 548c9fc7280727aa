"""Any history of commands on a SKU's ledger: what holds after every decision, whatever came before."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.rejected import Rejected
from domain.stock_commands import (
    AdjustStock,
    AnyStockCommand,
    CountStock,
    ReceiveStock,
    ReleaseReservation,
    ReserveStock,
    ShipReserved,
)
from domain.stock_item import STOCK_ITEM
from domain.stock_item_state import StockItem
from event_schemas.event import Event
from event_schemas.stock import (
    AdjustmentReason,
    Purpose,
    ReleaseReason,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockReleased,
    StockReserved,
    StockShipped,
)
from tests.support.reloaded import decided, reloaded

WAREHOUSES = st.sampled_from(["MAIN", "NORTH"])
RESERVATIONS = st.integers(1, 8).map(lambda n: f"r{n}")
FEW = st.integers(1, 6)
REASONS = st.sampled_from([ReleaseReason.CANCELLED, ReleaseReason.ORDER_REJECTED])


class Ledger(RuleBasedStateMachine):
    """Carries out commands, and keeps books of its own from the events alone."""

    def __init__(self) -> None:
        super().__init__()
        self.state: StockItem = STOCK_ITEM.initial
        self.events: list[Event] = []
        self.on_hand: Counter[str] = Counter()
        self.open: dict[str, tuple[str, int]] = {}
        self.ended: set[str] = set()

    def _carry_out(self, command: AnyStockCommand) -> list[Event]:
        before = self.state
        assert decided(STOCK_ITEM, reloaded(STOCK_ITEM, before), command) == decided(STOCK_ITEM, before, command)
        try:
            events = list(STOCK_ITEM.decide(before, command))
        except Rejected:
            assert self.state is before
            return []
        for event in events:
            self.state = STOCK_ITEM.evolve(self.state, event)
            self._book(event)
        self.events += events
        return events

    def _book(self, event: Event) -> None:
        match event:
            case StockReceived():
                self.on_hand[event.warehouse_id] += event.quantity
            case StockAdjusted():
                self.on_hand[event.warehouse_id] += event.delta
            case StockCounted():
                self.on_hand[event.warehouse_id] += event.counted_quantity - event.previous_quantity
            case StockReserved():
                assert event.reservation_id not in self.open
                assert event.reservation_id not in self.ended
                self.open[event.reservation_id] = (event.warehouse_id, event.quantity)
            case StockReleased() if event.warehouse_id is not None:
                assert self.open.pop(event.reservation_id) == (event.warehouse_id, event.quantity)
                self.ended.add(event.reservation_id)
            case StockReleased():
                self.ended.add(event.reservation_id)
            case StockShipped():
                assert self.open.pop(event.reservation_id) == (event.warehouse_id, event.quantity)
                self.ended.add(event.reservation_id)
                self.on_hand[event.warehouse_id] -= event.quantity

    @rule(warehouse=WAREHOUSES, quantity=FEW)
    def receive(self, warehouse: str, quantity: int) -> None:
        assert len(self._carry_out(ReceiveStock(sku="A", warehouse_id=warehouse, quantity=quantity))) == 1

    @rule(warehouse=WAREHOUSES, quantity=FEW)
    def receive_initially(self, warehouse: str, quantity: int) -> None:
        command = ReceiveStock(sku="A", warehouse_id=warehouse, quantity=quantity, reference="initial:p")
        self._carry_out(command)
        assert self._carry_out(command) == []

    @rule(reservation=RESERVATIONS, quantity=FEW)
    def reserve(self, reservation: str, quantity: int) -> None:
        command = ReserveStock(sku="A", reservation_id=reservation, purpose=Purpose.SALE, ref_id="o", quantity=quantity)
        self._carry_out(command)
        assert self._carry_out(command) == []

    @rule(reservation=RESERVATIONS, reason=REASONS)
    def release(self, reservation: str, reason: ReleaseReason) -> None:
        command = ReleaseReservation(sku="A", reservation_id=reservation, reason=reason)
        self._carry_out(command)
        assert reservation not in self.open
        assert self._carry_out(command) == []

    @rule(reservation=RESERVATIONS)
    def ship(self, reservation: str) -> None:
        command = ShipReserved(sku="A", reservation_id=reservation, shipment_id="s")
        self._carry_out(command)
        assert self._carry_out(command) == []

    @rule(warehouse=WAREHOUSES, delta=st.integers(-6, 6))
    def adjust(self, warehouse: str, delta: int) -> None:
        self._carry_out(AdjustStock(sku="A", warehouse_id=warehouse, delta=delta, reason=AdjustmentReason.CORRECTION))

    @rule(warehouse=WAREHOUSES, counted=st.integers(0, 12))
    def count(self, warehouse: str, counted: int) -> None:
        command = CountStock(sku="A", warehouse_id=warehouse, counted_quantity=counted)
        self._carry_out(command)
        assert self.state.level(warehouse).on_hand == counted
        assert self._carry_out(command) == []

    @invariant()
    def available_is_never_negative(self) -> None:
        for level in self.state.levels.values():
            assert level.available >= 0
            assert level.reserved >= 0

    @invariant()
    def what_is_reserved_is_the_sum_of_open_promises(self) -> None:
        reserved: Counter[str] = Counter()
        for warehouse, quantity in self.open.values():
            reserved[warehouse] += quantity
        assert {name: level.reserved for name, level in self.state.levels.items() if level.reserved} == +reserved
        assert set(self.state.reservations) == set(self.open)

    @invariant()
    def the_events_add_up_to_what_is_on_the_shelf(self) -> None:
        assert {name: level.on_hand for name, level in self.state.levels.items() if level.on_hand} == +self.on_hand

    @invariant()
    def a_snapshot_gives_the_same_ledger(self) -> None:
        assert reloaded(STOCK_ITEM, self.state) == self.state

    def teardown(self) -> None:
        assert STOCK_ITEM.fold(self.events) == self.state


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
