"""The process of the policies as a whole, with a database of its own and a command API that is away."""

import asyncio

import asyncpg
import httpx

from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from infra.launcher.ports import free_ports
from infra.log_batch import START, Position
from infra.settings import Settings
from policies.position_store import Move, PositionStore
from policies.process import run
from policies.sorting import Parked
from tests.support.log import entry
from tests.support.orders import placed
from tests.support.poll import until
from tests.support.running import running

RETRIES = 6
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE '%policies.offsets%FOR UPDATE' AND wait_event_type = 'Lock'
"""


def _parked(offset: int) -> Parked:
    made = entry(placed(("A", 1), order_id=f"o-{offset}"), f"key-{offset}", writer="w", epoch=1)
    record = LogRecord("orders", 0, offset, 1_300_000_000_000, made.key, made.value, made.headers)
    return Parked(record, "reaction_failed", "ValueError: this code is broken")


async def test_retries_that_wait_for_the_command_api_leave_the_policies_their_connections(own: Settings) -> None:
    (port,) = free_ports(1)
    changed = {"policies_port": port, "command_api_address": "http://127.0.0.1:1"}
    stop = asyncio.Event()
    async with asyncpg.create_pool(own.dsn, min_size=1, max_size=2) as pool:
        store = PositionStore(pool)
        await store.prepare()
        await store.load("buy", "orders", [0])
        rows = [_parked(offset) for offset in range(RETRIES)]
        await store.commit("buy", "orders", [Move(0, START, Position(RETRIES, Holder(1, "w")))], rows, [])

        async def parked(http: httpx.AsyncClient) -> int | None:
            try:
                found: int = (await http.get("/ready")).json()["alarms"]["parked"]
            except httpx.TransportError:
                return None
            return found

        async def blocked() -> int:
            found: int = await pool.fetchval(BLOCKED)
            return found

        async with (
            running(run(own.model_copy(update=changed), stop)),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        ):
            await until(lambda: parked(http), lambda found: found == RETRIES)
            bodies = [{"policy": "buy", "key": f"key-{number}"} for number in range(RETRIES)]
            retries = [asyncio.create_task(http.post("/v1/dead-letters/retry", json=body)) for body in bodies]
            await until(blocked, bool, seconds=5)
            await pool.execute("DELETE FROM policies.parked WHERE record_offset = $1", RETRIES - 1)
            await until(lambda: parked(http), lambda found: found == RETRIES - 1, seconds=4)
            for one in retries:
                one.cancel()
            await asyncio.gather(*retries, return_exceptions=True)
