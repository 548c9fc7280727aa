"""Fills the log of a world with orders, and has its first command API read it and leave snapshots."""

import asyncio
import time
from dataclasses import dataclass

import asyncpg
import orjson

from benchmarks.processor_time import memory_mb
from benchmarks.scale_orders import BODY, NAME, PATH, PRICE, SKU, fill, key, order_id
from benchmarks.scale_world import World, client_of
from event_schemas.topics import ORDERS
from infra.settings import Settings

COVERED = "SELECT coalesce(sum(next_offset), 0)::bigint FROM command_api.snapshots WHERE topic = $1"
STILL_SECONDS = 10.0
"""Snapshots that get no further for so long are taken as they are."""
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Filled:
    """How the log was filled, and what it was to start on it."""

    orders: int
    fill_seconds: float
    read_seconds: float
    """The first start, which reads the whole log."""
    read_mb: int
    """Memory of the command API then."""
    covered: int
    """Records of orders that snapshots cover after it."""
    start_seconds: float
    """The next start."""
    first_is_known: bool
    """Whether a repeat of the very first order gets its first answer after all that."""


async def filled(world: World, orders: int) -> Filled:
    """Fill it, with a product that can be ordered. No command API runs before or after. Raises `NotReached`."""
    async with world.started() as member, client_of(member) as client:
        product = {"kind": "GOOD", "sku": SKU, "name": NAME, "price": PRICE / 100}
        (await client.post("/v1/products", json=product)).raise_for_status()
    began = time.monotonic()
    await fill(world.settings, orders)
    fill_seconds = time.monotonic() - began
    began = time.monotonic()
    async with world.started() as member:
        read_seconds, read_mb = time.monotonic() - began, memory_mb({"": member})[""]
        covered = await _covered(world.settings, orders)
    began = time.monotonic()
    async with world.started() as member, client_of(member) as client:
        start_seconds = time.monotonic() - began
        headers = {"Idempotency-Key": key(0), "Content-Type": "application/json"}
        again = await client.post(PATH, content=orjson.dumps(BODY.model_dump(exclude_none=True)), headers=headers)
        known = again.headers.get("Idempotent-Replayed") == "true" and again.json()["order_id"] == order_id(key(0))
    return Filled(orders, fill_seconds, read_seconds, read_mb, covered, start_seconds, known)


async def _covered(settings: Settings, orders: int) -> int:
    """How much snapshots cover once that is all, or they get no further."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        most, since = -1, time.monotonic()
        while most < orders and time.monotonic() - since < STILL_SECONDS:
            try:
                now = await connection.fetchval(COVERED, ORDERS.name)
            except asyncpg.UndefinedTableError:
                now = 0
            if now > most:
                most, since = now, time.monotonic()
            await asyncio.sleep(POLL_SECONDS)
        return min(most, orders)
    finally:
        await connection.close()
