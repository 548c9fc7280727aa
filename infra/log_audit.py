"""The log as an independent reader sees it, and what it must add up to: versions, stock, orders, pieces sold.

It shares no rule with the deciders or the projections, so that tests and benchmarks can hold both against it.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping

from event_schemas.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    OrderStatus,
    SoldLine,
)
from event_schemas.record import Recorded, recorded
from event_schemas.stock import StockAdjusted, StockCounted, StockReceived, StockReleased, StockReserved, StockShipped
from event_schemas.topics import TOPICS
from infra.cluster import describe
from infra.log_batch import START, Batch, Position
from infra.log_reader import LogReader
from infra.settings import Settings

Positions = Mapping[tuple[str, int], Position]


class Unsound(AssertionError):
    """The log contradicts itself: an event is there twice, a version is missing, or more is promised than there is."""


async def read_batches(settings: Settings, since: Positions | None = None) -> AsyncIterator[Batch]:
    """Everything that is in the log now, from its start or from `since`, in log order within each partition."""
    if since is None:
        partitions = (await describe(settings.bootstrap_servers)).partitions
        since = {(topic.name, number): START for topic in TOPICS for number in range(partitions)}
    async with LogReader(settings.bootstrap_servers, since) as reader:
        async for batch in reader.until(await reader.ends()):
            yield batch


class LogAudit:
    """Sums over the log, checked on the way. `take` raises `Unsound` at the first event that cannot be."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.commands: set[str] = set()
        """Ids of the commands that changed something."""
        self.statuses: dict[str, OrderStatus] = {}
        """Status by order id."""
        self.numbers: set[str] = set()
        self.sold: dict[str, int] = defaultdict(int)
        """Pieces by product id: confirmed, less what was cancelled afterwards."""
        self.positions: dict[tuple[str, int], Position] = {}
        self.first_appended_ms = 0
        self.void = 0
        self._ids: set[str] = set()
        self._versions: dict[str, int] = defaultdict(int)
        self._levels: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._promised: set[str] = set()

    @property
    def events(self) -> int:
        """How many events count."""
        return self.types.total()

    @property
    def levels(self) -> dict[str, tuple[int, int]]:
        """(on hand, reserved) by SKU."""
        return {sku: (on_hand, reserved) for sku, (on_hand, reserved) in self._levels.items()}

    def take_batch(self, batch: Batch) -> None:
        """Take what was read of a partition."""
        for record in batch.records:
            self.take(recorded(record))
        self.positions[batch.topic, batch.partition] = batch.after
        self.void += batch.void

    def take(self, one: Recorded) -> None:
        """Take the next event of its partition. Raises `Unsound`."""
        envelope = one.envelope
        self._versions[envelope.subject] += 1
        _must(envelope.sequence == self._versions[envelope.subject], f"versions are not dense at {envelope}")
        _must(envelope.id not in self._ids, f"an event is there twice: {envelope}")
        self._ids.add(envelope.id)
        self.types[envelope.type] += 1
        self.commands.add(envelope.command_id)
        self.first_appended_ms = min(self.first_appended_ms or one.appended_ms, one.appended_ms)
        self._take_stock(one)
        self._take_order(one)

    def _take_stock(self, one: Recorded) -> None:
        """0 ≤ reserved ≤ on hand after each decision, but for the moments between a count and the releases after it."""
        match one.event:
            case StockReceived() as event:
                self._levels[event.sku][0] += event.quantity
            case StockCounted() as event:
                self._levels[event.sku][0] += event.counted_quantity - event.previous_quantity
                return
            case StockAdjusted() as event:
                self._levels[event.sku][0] += event.delta
            case StockReserved() as event:
                _must(event.reservation_id not in self._promised, f"reserved twice: {event}")
                self._promised.add(event.reservation_id)
                self._levels[event.sku][1] += event.quantity
            case StockReleased() as event:
                self._levels[event.sku][1] -= event.quantity
                return
            case StockShipped() as event:
                self._levels[event.sku][0] -= event.quantity
                self._levels[event.sku][1] -= event.quantity
            case _:
                return
        on_hand, reserved = self._levels[event.sku]
        _must(0 <= reserved <= on_hand, f"{event.sku}: {reserved} reserved of {on_hand}")

    def _take_order(self, one: Recorded) -> None:
        match one.event:
            case OrderPlaced() as event:
                _must(event.order_id not in self.statuses, f"placed twice: {event.order_id}")
                _must(event.order_number not in self.numbers, f"ordered twice: {event.order_number}")
                self.numbers.add(event.order_number)
                self.statuses[event.order_id] = OrderStatus.PENDING
            case OrderConfirmed() as event:
                self._settle(event.order_id, OrderStatus.CONFIRMED, OrderStatus.PENDING)
                self._count(event.lines, 1)
            case OrderRejected() as event:
                self._settle(event.order_id, OrderStatus.REJECTED, OrderStatus.PENDING)
            case OrderExpired() as event:
                self._settle(event.order_id, OrderStatus.EXPIRED, OrderStatus.PENDING)
            case OrderCancelled() as event:
                self._settle(event.order_id, OrderStatus.CANCELLED, OrderStatus.PENDING, OrderStatus.CONFIRMED)
                self._count(event.sold, -1)
            case _:
                pass

    def _settle(self, order_id: str, status: OrderStatus, *before: OrderStatus) -> None:
        found = self.statuses.get(order_id)
        _must(found in before, f"order {order_id} became {status} when it was {found}")
        self.statuses[order_id] = status

    def _count(self, lines: tuple[SoldLine, ...], sign: int) -> None:
        for line in lines:
            self.sold[line.product_id] += sign * line.quantity


async def audit(settings: Settings) -> LogAudit:
    """The sums over all that is in the log now. Raises `Unsound`."""
    found = LogAudit()
    async for batch in read_batches(settings):
        found.take_batch(batch)
    return found


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unsound(otherwise)
