"""What the query benchmark stands on: confirmed orders, a large catalog that is applied, the peer."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx

from benchmarks.stage import NotReached, Stage
from infra.launcher.group import Group
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.launcher.processes import check
from infra.launcher.program import Program
from infra.launcher.supervised import Supervised

LINES = 3
PEER = "peer"
AT_ONCE = 8
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.2


async def place_orders(stage: Stage, skus: Sequence[str], count: int) -> list[str]:
    """Ids of so many new orders of `LINES` lines each, all confirmed. Raises `NotReached`; everything must run."""

    async def order(number: int) -> str:
        items = [{"sku": skus[(number + line) % len(skus)], "quantity": 1 + line} for line in range(LINES)]
        async with turn:
            body = {"items": items, "user_id": f"user-{number}"}
            answer = await stage.command.post("/v1/orders", json=body, headers={"Prefer": "wait=30"})
        shown = answer.raise_for_status().json()
        if shown["status"] != "CONFIRMED":
            raise NotReached(f"an order is {shown['status']}")
        return str(shown["order_id"])

    turn = asyncio.Semaphore(AT_ONCE)
    return await asyncio.gather(*map(order, range(count)))


async def caught_up(stage: Stage) -> None:
    """Wait until every read model has applied the whole log, and do to its tables what autovacuum does by itself.

    Raises `NotReached`.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        items = (await stage.query.get("/v1/projections")).raise_for_status().json()["items"]
        if all(item["lag_events"] == 0 for item in items):
            break
        if time.monotonic() > deadline:
            raise NotReached("the read models do not catch up")
        await asyncio.sleep(POLL_SECONDS)
    connection = await asyncpg.connect(stage.settings.dsn)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def same_rows(query: httpx.AsyncClient, peer: str, paths: Sequence[str]) -> bool:
    """Whether the query API and its peer at an address answer these paths with the same rows, at least one."""
    async with httpx.AsyncClient(base_url=peer, timeout=60, trust_env=False) as other:
        for path in paths:
            ours, theirs = [rows_of((await one.get(path)).raise_for_status().json()) for one in (query, other)]
            if not ours or ours != theirs:
                return False
    return True


def rows_of(answer: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What both tell of an order's lines, or of top sellers: money and names are shown by one only, or otherwise."""
    if "items" in answer:
        return [(item["product_id"], item["total_quantity_sold"]) for item in answer["items"]]
    order = answer["order_id"], answer["status"], answer["version"]
    return [(*order, line["line_id"], line["sku"], line["quantity"]) for line in answer["lines"]]


@asynccontextmanager
async def running_peer(stage: Stage) -> AsyncIterator[Supervised]:
    """The peer, which runs meanwhile. Raises `StartFailed`."""
    home, host, port = Home.of(stage.settings), stage.settings.host, free_ports(1)[0]
    program = Program(
        name=PEER,
        command=(sys.executable, "-m", "benchmarks.queries_peer"),
        address=f"http://{host}:{port}",
        ports={"query_api_port": port},
        check=lambda: check(f"http://{host}:{port}"),
        environment={**os.environ, "STOCKROOM_QUERY_API_PORT": str(port)},
    )
    group = Group([program], home)
    try:
        await group.start(stage.settings.start_seconds)
        yield group[PEER]
    finally:
        await group.stop(in_turn=True)
