"""The whole log as an independent reader sees it, and what it must add up to."""

from collections import defaultdict
from collections.abc import Iterable

from event_schemas.order import OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected
from event_schemas.record import Recorded, recorded
from event_schemas.stock import StockAdjusted, StockCounted, StockReceived, StockReleased, StockReserved, StockShipped
from event_schemas.topics import TOPICS
from infra.cluster import describe
from infra.log_reader import START, LogReader
from infra.settings import Settings


async def read_whole_log(settings: Settings) -> list[Recorded]:
    """Every event that counts, in log order within each partition."""
    cluster = await describe(settings.bootstrap_servers)
    starts = {(topic.name, partition): START for topic in TOPICS for partition in range(cluster.partitions)}
    found: list[Recorded] = []
    async with LogReader(settings.bootstrap_servers, starts) as reader:
        async for batch in reader.until(await reader.ends()):
            found.extend(map(recorded, batch.records))
    return found


def check_versions(log: Iterable[Recorded]) -> None:
    """Versions of every aggregate are 1, 2, 3 … and every event's id is its own."""
    versions: dict[str, int] = defaultdict(int)
    ids = set()
    for one in log:
        versions[one.envelope.subject] += 1
        assert one.envelope.sequence == versions[one.envelope.subject], one.envelope
        assert one.envelope.id not in ids, one.envelope
        ids.add(one.envelope.id)


def stock_levels(log: Iterable[Recorded]) -> dict[str, tuple[int, int]]:
    """(on hand, reserved) per SKU at the end; checks 0 ≤ reserved ≤ on hand after each decision on the way, but for
    the moments between a count and the releases that follow from it."""
    levels: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    promised: set[str] = set()
    for one in log:
        match one.event:
            case StockReceived() as event:
                levels[event.sku][0] += event.quantity
            case StockCounted() as event:
                levels[event.sku][0] += event.counted_quantity - event.previous_quantity
                continue
            case StockAdjusted() as event:
                levels[event.sku][0] += event.delta
            case StockReserved() as event:
                assert event.reservation_id not in promised, f"reserved twice: {event}"
                promised.add(event.reservation_id)
                levels[event.sku][1] += event.quantity
            case StockReleased() as event:
                levels[event.sku][1] -= event.quantity
                continue
            case StockShipped() as event:
                levels[event.sku][0] -= event.quantity
                levels[event.sku][1] -= event.quantity
            case _:
                continue
        on_hand, reserved = levels[event.sku]
        assert 0 <= reserved <= on_hand, f"{event.sku}: {reserved} reserved of {on_hand}"
    return {sku: (on_hand, reserved) for sku, (on_hand, reserved) in levels.items()}


def order_statuses(log: Iterable[Recorded]) -> dict[str, str]:
    """The status of every order; checks that none is settled twice."""
    statuses: dict[str, str] = {}
    for one in log:
        match one.event:
            case OrderPlaced() as event:
                assert event.order_id not in statuses
                statuses[event.order_id] = "PENDING"
            case OrderConfirmed() as event:
                assert statuses[event.order_id] == "PENDING"
                statuses[event.order_id] = "CONFIRMED"
            case OrderRejected() as event:
                assert statuses[event.order_id] == "PENDING"
                statuses[event.order_id] = "REJECTED"
            case OrderCancelled() as event:
                assert statuses[event.order_id] in {"PENDING", "CONFIRMED"}
                statuses[event.order_id] = "CANCELLED"
            case _:
                pass
    return statuses


def sold(log: Iterable[Recorded]) -> dict[str, int]:
    """Pieces sold per product: confirmed, less what was cancelled afterwards."""
    pieces: dict[str, int] = defaultdict(int)
    for one in log:
        match one.event:
            case OrderConfirmed() as event:
                for line in event.lines:
                    pieces[line.product_id] += line.quantity
            case OrderCancelled() as event:
                for line in event.sold:
                    pieces[line.product_id] -= line.quantity
            case _:
                pass
    return dict(pieces)
