"""A copy of what commands need to know of products, kept from the topic ``catalog``; never a read model.

Every instance keeps all of it, since any of them may get an order. It holds sku, name, price and whether the product is
withdrawn, nothing more.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError

from event_schemas.catalog import PriceChanged, ProductAdded, ProductDescribed, ProductWithdrawn
from event_schemas.codec import UndecodableEvent
from event_schemas.envelope import MalformedEnvelope
from event_schemas.event import Event
from event_schemas.money import Money
from event_schemas.record import recorded
from event_schemas.topics import CATALOG
from infra.log_batch import START, Batch
from infra.log_reader import LogReader

RETRY_SECONDS = 1.0
STUCK_SECONDS = 6.0

logger = structlog.get_logger(__name__)


class Stuck(Exception):
    """The reader must be made anew."""


class Offer(NamedTuple):
    """What can be ordered under a SKU."""

    product_id: str
    sku: str
    name: str
    price: Money
    withdrawn: bool = False


class CatalogCopy:
    """Offers by SKU and by product id. ``run`` keeps them up to date until it is cancelled."""

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._positions = {(CATALOG.name, partition): START for partition in range(partitions)}
        self._by_sku: dict[str, Offer] = {}
        self._sku_by_product: dict[str, str] = {}
        self._moved = asyncio.Event()
        self.caught_up = False
        """Whether all that was in the topic at the start has been read."""

    def find(self, *, sku: str | None = None, product_id: str | None = None) -> Offer | None:
        """The offer of a SKU, or of a product's only SKU; None when none is known yet."""
        if sku is None and product_id is not None:
            sku = self._sku_by_product.get(product_id)
        return self._by_sku.get(sku) if sku is not None else None

    def reaches(self, ends: Mapping[int, int]) -> bool:
        """Whether the copy has taken in every partition up to these offsets."""
        return all(self._positions[CATALOG.name, partition].next_offset >= end for partition, end in ends.items())

    async def moved(self, seconds: float) -> bool:
        """Wait until the copy takes in something new; False when nothing came within ``seconds``."""
        self._moved.clear()
        try:
            async with asyncio.timeout(seconds):
                return await self._moved.wait()
        except TimeoutError:
            return False

    async def run(self) -> None:
        """Follow the topic; when Kafka is away, try again from where it stands. Raises ``LogBroken``."""
        while True:
            try:
                async with LogReader(self._bootstrap_servers, self._positions) as reader:
                    ends = await reader.ends()
                    async for batch in reader.until(ends):
                        self._take(batch)
                    self.caught_up = True
                    await self._follow(reader)
            except (KafkaError, OSError, Stuck) as error:
                logger.warning("the catalog topic cannot be read, trying again", why=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, reader: LogReader) -> None:
        """Take in what comes. Raises ``Stuck`` when the broker has more and nothing of it came for a while."""
        progress = time.monotonic()
        while True:
            batches = await reader.read(timeout_ms=1_000)
            for batch in batches:
                self._take(batch)
            if batches:
                progress = time.monotonic()
            elif time.monotonic() - progress > STUCK_SECONDS:
                progress = time.monotonic()
                if not self.reaches({partition: end for (_, partition), end in (await reader.ends()).items()}):
                    raise Stuck("the consumer is alive, but gives nothing")

    def _take(self, batch: Batch) -> None:
        for record in batch.records:
            try:
                self._apply(recorded(record).event)
            except (MalformedEnvelope, UndecodableEvent) as error:
                # The writer has quarantined this product; what was known of it stays as it was.
                logger.error("unreadable catalog event", at=f"{record.partition}@{record.offset}", why=str(error))
        self._positions[batch.topic, batch.partition] = batch.after
        self._moved.set()

    def _apply(self, event: Event) -> None:
        match event:
            case ProductAdded():
                for variant in event.variants:
                    self._by_sku[variant.sku] = Offer(event.product_id, variant.sku, event.name, variant.price)
                    self._sku_by_product.setdefault(event.product_id, variant.sku)
            case PriceChanged():
                self._change(event.sku, price=event.new_price)
            case ProductDescribed() if event.name is not None:
                self._change(self._sku_by_product.get(event.product_id), name=event.name)
            case ProductWithdrawn():
                self._change(self._sku_by_product.get(event.product_id), withdrawn=True)
            case _:
                pass

    def _change(self, sku: str | None, **changed: object) -> None:
        offer = self._by_sku.get(sku) if sku is not None else None
        if offer is not None:
            self._by_sku[offer.sku] = offer._replace(**changed)  # type: ignore[arg-type]
