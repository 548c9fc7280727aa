"""Asks every partition of every topic until it acknowledges: how long after a fault the write path is whole again."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import count

from domain.ids import product_id
from infra.partition_of import partition_of
from tests.faults.history.operation import Outcome, Request
from tests.faults.history.raw_log import Partition
from tests.faults.load.sender import Sender
from tests.faults.load.wire import BULK, PLACE, RECEIVE, order_id

PROBE = -2
"""Number of the client that probes."""
ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 0.02
_marks = count(1)


class StillAway(AssertionError):
    """A partition did not acknowledge anything in time."""


async def probe(sender: Sender, skus: Sequence[str], partitions: int, seconds: float) -> dict[Partition, float]:
    """Seconds from now until each partition has acknowledged something. Raises ``StillAway`` after ``seconds``.

    The SKUs are products that are there; enough of them that every partition has some.
    """
    began = time.monotonic()
    found: dict[Partition, float] = {}

    async def ask(partition: Partition, request: Request) -> None:
        for number in count():
            operation = await sender.send(PROBE, number % sender.instances, request, ANSWER_SECONDS)
            if operation.outcome is Outcome.OK:
                found[partition] = time.monotonic() - began
                return
            if time.monotonic() > began + seconds:
                raise StillAway(f"{partition}: {operation.status} {operation.code}, {seconds} s after the last fault")
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for partition, request in requests(skus, partitions, f"probe-{next(_marks)}-{skus[0]}"):
            group.create_task(ask(partition, request))
    return found


def requests(skus: Sequence[str], partitions: int, mark: str) -> Iterator[tuple[Partition, Request]]:
    """One request for each partition of each topic; ``mark`` makes their keys new."""
    stock = {partition_of(sku, partitions): sku for sku in skus}
    catalog = {partition_of(product_id(sku), partitions): sku for sku in skus}
    for number in range(partitions):
        sku = stock[number]
        received = {"type": "ReceiveStock", "sku": sku, "quantity": 1}
        yield ("stock", number), Request(RECEIVE, f"{mark}-stock-{number}", received, sku)
        product = product_id(catalog[number])
        price = {"amount": 700, "currency": "USD"}
        changed = {"type": "ChangePrice", "product_id": product, "new_price": price}
        yield ("catalog", number), Request(BULK, f"{mark}-catalog-{number}", changed, product)
        yield ("orders", number), _order(skus[0], number, partitions, mark)


def _order(sku: str, partition: int, partitions: int, mark: str) -> Request:
    for number in count():
        key = f"{mark}-order-{number}"
        order = order_id(PLACE, key)
        if partition_of(order, partitions) == partition:
            items = [{"sku": sku, "quantity": 1}]
            return Request(PLACE, key, {"type": "PlaceOrder", "items": items}, order)
    raise AssertionError("counting never ends")
