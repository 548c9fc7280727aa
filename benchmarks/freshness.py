"""How soon a query shows what a command did: from the command API's answer until the query API has the new quantity.

Between the two lie the policy that reserves, one more append, and the projection. The floor is taken in the same run:
one acknowledged append and one round trip to the same endpoint of the query API, with nothing of ours between them.
"""

import asyncio
import time
from statistics import median

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.figures import Figure, Section, milliseconds
from benchmarks.stage import Stage, running_stage

PIECES = 3
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.001
TARGET_MS = 150.0
FLOOR_TOPIC = "benchmark.floor"
FLOOR_BYTES = 1_000


class NotShown(Exception):
    """The query API did not show the new quantity in time."""


async def measure(orders: int) -> list[Section]:
    """The literal 50 less 3, then `orders` orders of 3 one after another, twice; 2 or more. Raises `NotShown`."""
    async with running_stage() as stage:
        product_id = await _add(stage, "FIFTY", 50)
        answered, fifty = await _order(stage, product_id, 50 - PIECES)
        answers, pending = await _orders(stage, "PENDING", orders, prefer=None)
        settled_answers, settled = await _orders(stage, "SETTLED", orders, prefer="wait=20")
        trips = [await _round_trip(stage, product_id) for _ in range(orders)]
        appends = await _appends(stage, orders)
    floor = median(trips) + median(appends)
    return [
        Section(
            f"from the answer to an order (201, PENDING) until the query API shows the new quantity, {orders} orders",
            [
                Figure("50 less an order of 3, shown as 47 after (first order of all)", round(fifty * 1000, 2), "ms"),
                *milliseconds("visible after the answer", pending, TARGET_MS),
                *milliseconds("the answer itself", answers),
            ],
        ),
        Section(
            f"the same with Prefer: wait (the answer is the settled order), {orders} orders",
            [
                *milliseconds("visible after the answer", settled, TARGET_MS),
                *milliseconds("the answer itself", settled_answers),
            ],
        ),
        Section(
            "the floor in the same run",
            [
                *milliseconds("round trip to the same query", trips),
                *milliseconds(f"append of {FLOOR_BYTES} bytes acknowledged", appends),
                Figure("visible p50, in times of append + round trip", round(median(pending) / floor, 1), "×"),
                Figure("first answer of all (the connection is new)", round(answered * 1000, 2), "ms"),
            ],
        ),
    ]


async def _orders(stage: Stage, sku: str, orders: int, prefer: str | None) -> tuple[list[float], list[float]]:
    quantity = orders * PIECES
    product_id = await _add(stage, sku, quantity)
    answers, shown = [], []
    for _ in range(orders):
        quantity -= PIECES
        answered, visible = await _order(stage, product_id, quantity, prefer)
        answers.append(answered)
        shown.append(visible)
    return answers, shown


async def _add(stage: Stage, sku: str, quantity: int) -> str:
    body = {"name": f"Product {sku}", "sku": sku, "price": 249.99, "quantity": quantity}
    answer = await stage.command.post("/v1/products", json=body)
    product_id = str(answer.raise_for_status().json()["id"])
    await _until_shown(stage, product_id, quantity)
    return product_id


async def _order(stage: Stage, product_id: str, expected: int, prefer: str | None = None) -> tuple[float, float]:
    """Seconds until the answer, and from it until the quantity is shown."""
    body = {"items": [{"product_id": product_id, "quantity": PIECES}]}
    began = time.perf_counter()
    answer = await stage.command.post("/v1/orders", json=body, headers={"Prefer": prefer} if prefer else {})
    answered = time.perf_counter()
    answer.raise_for_status()
    await _until_shown(stage, product_id, expected)
    return answered - began, time.perf_counter() - answered


async def _until_shown(stage: Stage, product_id: str, expected: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = await stage.query.get(f"/v1/products/{product_id}")
        if answer.is_success and answer.json()["quantity"] == expected:
            return
        if time.monotonic() > deadline:
            raise NotShown(f"after {PATIENCE_SECONDS:.0f} s the answer is {answer.text}, not {expected}")
        await asyncio.sleep(POLL_SECONDS)


async def _round_trip(stage: Stage, product_id: str) -> float:
    began = time.perf_counter()
    answer = await stage.query.get(f"/v1/products/{product_id}")
    answer.raise_for_status()
    return time.perf_counter() - began


async def _appends(stage: Stage, count: int) -> list[float]:
    servers = stage.settings.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(FLOOR_TOPIC, 1, 1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(FLOOR_TOPIC, b"the first one opens the connection")
        durations = []
        for _ in range(count):
            began = time.perf_counter()
            await producer.send_and_wait(FLOOR_TOPIC, b"x" * FLOOR_BYTES)
            durations.append(time.perf_counter() - began)
        return durations
    finally:
        await producer.stop()
