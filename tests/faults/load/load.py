"""The load of a run: products with stock, then many clients at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

from domain.ids import product_id
from tests.faults.history.operation import Outcome, Request
from tests.faults.load.client import Client, Habits
from tests.faults.load.reader import Reader
from tests.faults.load.sender import Sender
from tests.faults.load.wire import BULK
from tests.faults.load.workload import Workload

SETUP = -1
"""Number of the client that sets up."""
FIRST_STOCK = 200


class NotSettled(AssertionError):
    """A request that had to be acknowledged was not."""


class Load:
    """The products of a run and its clients. ``run`` names it: keys and SKUs of two runs never meet."""

    def __init__(self, sender: Sender, run: str, seed: int, skus: int, clients: int, habits: Habits) -> None:
        self.sender, self.run = sender, run
        self.skus = [f"{run.upper()}-{number}" for number in range(skus)]
        self._clients = [
            Client(number, Workload(seed, number, self.skus, run), sender, habits) for number in range(clients)
        ]

    async def set_up(self) -> None:
        """Add the products and receive their first stock. Raises ``NotSettled``."""
        added = [
            Request(BULK, f"{self.run}-add-{sku}", {"type": "AddProduct", "sku": sku, "name": f"Product {sku}",
                                                    "price": {"amount": 500, "currency": "USD"}}, product_id(sku))
            for sku in self.skus
        ]  # fmt: skip
        received = [
            Request(BULK, f"{self.run}-first-{sku}", {"type": "ReceiveStock", "sku": sku, "quantity": FIRST_STOCK}, sku)
            for sku in self.skus
        ]
        for requests in (added, received):
            await self.done(requests)

    async def done(self, requests: list[Request], first: int = 0, seconds: float = 15.0) -> None:
        """Send requests until all are acknowledged, at most so long, to one instance after the other from ``first`` on.
        Raises ``NotSettled``."""
        deadline = time.monotonic() + seconds
        for number in count(first):
            operations = await self.sender.send_bulk(SETUP, number % self.sender.instances, requests, 5.0)
            left = [operation for operation in operations if operation.outcome is not Outcome.OK]
            if not left:
                return
            if time.monotonic() > deadline:
                raise NotSettled(f"{len(left)} not done, as {left[0].request.kind}: {left[0].status} {left[0].code}")
            requests = [operation.request for operation in left]
            await asyncio.sleep(0.1)

    @asynccontextmanager
    async def running(self, readers: Sequence[Reader] = ()) -> AsyncIterator[None]:
        """The clients at work for the time of the block, and readers beside; what they have begun ends after it."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for client in self._clients:
                group.create_task(client.run(stop))
            for reader in readers:
                group.create_task(reader.run(stop))
            try:
                yield
            finally:
                stop.set()
