"""What one client of the load does, drawn from a seed: the same seed and client give the same requests in order.

Only versions for If-Match are the client's own experience. Which aggregates it touches never depends on the answers.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

from domain.ids import product_id
from tests.faults.history.operation import JsonObject, Request
from tests.faults.load.wire import ADJUST, BULK, CANCEL, COUNT, PLACE, RECEIVE, order_id

SHARED_RESERVATIONS = 40
"""Reservation ids that several clients use, so that one's promise is another's repeat."""
REMEMBERED = 400
"""So many of its own promises and orders a client comes back to."""


class Workload:
    """The requests of one client, on SKUs that all clients share; the first SKUs are the most wanted (Zipf)."""

    def __init__(self, seed: int, client: int, skus: Sequence[str], run: str) -> None:
        self.rng = random.Random(f"{seed}/{client}")
        self.versions: dict[str, int] = {}
        """The last version that the client was told of each aggregate."""
        self._skus, self._name = skus, f"{run}-{client}"
        self._weights = list(accumulate(1 / rank for rank in range(1, len(skus) + 1)))
        self._count = 0
        self._promises: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._orders: deque[str] = deque(maxlen=REMEMBERED)
        self._lines: list[Callable[[], Request]] = [
            self.reserve, self.release, self.ship, self.place, self.reject,
            self.receive, self.adjust, self.count, self.cancel, self.reprice,
        ]  # fmt: skip
        self._shares = [40, 18, 8, 12, 3, 6, 6, 2, 3, 2]

    def bulk(self, lines: int) -> list[Request]:
        """Requests for one bulk, mixed."""
        return [self._ready(make(), BULK) for make in self.rng.choices(self._lines, self._shares, k=lines)]

    def single(self) -> Request:
        """A request to an endpoint of its own."""
        makers = [self.place, self.receive, self.adjust, self.count, self.cancel]
        [make] = self.rng.choices(makers, [40, 15, 20, 5, 20])
        request = make()
        return self._with_version(self._ready(request, request.route))

    def reserve(self) -> Request:
        """A promise under an id of its own, or under one that others use as well."""
        sku = self._sku()
        shared = self.rng.random() < 0.03
        reservation = f"shared-{self.rng.randrange(SHARED_RESERVATIONS)}" if shared else f"{self._name}-r{self._count}"
        if not shared:
            self._promises.append((sku, reservation))
        quantity = self.rng.randint(1, 6)
        return self._bulk("ReserveStock", sku, sku=sku, reservation_id=reservation, purpose="SALE",
                          ref_id=self._name, quantity=quantity)  # fmt: skip

    def release(self) -> Request:
        """The end of an earlier promise, or the mark of one that was never made."""
        sku, reservation = self._promise()
        return self._bulk("ReleaseReservation", sku, sku=sku, reservation_id=reservation, reason="CANCELLED")

    def ship(self) -> Request:
        """The sending of what was promised."""
        sku, reservation = self._promise()
        return self._bulk("ShipReserved", sku, sku=sku, reservation_id=reservation, shipment_id=self._name)

    def place(self) -> Request:
        """An order of one to three SKUs."""
        skus = sorted({self._sku() for _ in range(self.rng.randint(1, 3))})
        items = [{"sku": sku, "quantity": self.rng.randint(1, 4)} for sku in skus]
        return self._request(PLACE, None, "PlaceOrder", items=items)

    def cancel(self) -> Request:
        """The cancellation of an own order, which may be rejected, cancelled, or not there at all."""
        order = self._order()
        return self._request(CANCEL, order, "CancelOrder", order_id=order)

    def reject(self) -> Request:
        """The rejection of an own order."""
        order = self._order()
        return self._bulk("RejectOrder", order, order_id=order, reason="OUT_OF_STOCK")

    def receive(self) -> Request:
        """Goods that arrive."""
        sku = self._sku()
        return self._request(RECEIVE, sku, "ReceiveStock", sku=sku, quantity=self.rng.randint(1, 40))

    def adjust(self) -> Request:
        """A correction, which may take more than there is."""
        sku, delta = self._sku(), self.rng.choice([-30, -5, -2, -1, 1, 3])
        return self._request(ADJUST, sku, "AdjustStock", sku=sku, delta=delta, reason="CORRECTION")

    def count(self) -> Request:
        """A count, which may find less than is promised."""
        sku = self._sku()
        counted = self.rng.choice([0, 20, 60, 200])
        return self._request(COUNT, sku, "CountStock", sku=sku, warehouse_id="MAIN", counted_quantity=counted)

    def reprice(self) -> Request:
        """Another price of a product."""
        sku = self._sku()
        product, price = product_id(sku), {"amount": self.rng.randint(1, 50) * 100, "currency": "USD"}
        return self._bulk("ChangePrice", product, product_id=product, new_price=price)

    def told(self, subject: str, version: int) -> None:
        """Remember a version that an answer named."""
        self.versions[subject] = version

    def _sku(self) -> str:
        return self.rng.choices(self._skus, cum_weights=self._weights)[0]

    def _promise(self) -> tuple[str, str]:
        if not self._promises or self.rng.random() < 0.05:
            return self._sku(), f"{self._name}-never-{self._count}"
        return self.rng.choice(self._promises)

    def _order(self) -> str:
        return self.rng.choice(self._orders) if self._orders else f"{self._name}-no-order"

    def _bulk(self, kind: str, subject: str, **content: object) -> Request:
        return self._with_version(self._request(BULK, subject, kind, **content), often=0.05)

    def _request(self, route: str, subject: str | None, kind: str, **content: object) -> Request:
        self._count += 1
        told: JsonObject = {"type": kind, **content}
        return Request(route, f"{self._name}-{self._count}", told, subject)

    def _ready(self, request: Request, route: str) -> Request:
        """The request as it goes to this route; the id of an order follows from the route and the key."""
        subject = request.subject
        if request.kind == "PlaceOrder":
            subject = order_id(route, request.key)
            self._orders.append(subject)
        return replace(request, route=route, subject=subject)

    def _with_version(self, request: Request, often: float = 0.3) -> Request:
        """Sometimes with If-Match: the version as it was told last, or an older one."""
        version = self.versions.get(request.subject or "")
        stale, drawn = self.rng.random() < 0.3, self.rng.random()
        if version is not None and drawn < often:
            request.expected = max(0, version - 1) if stale else version
        return request
