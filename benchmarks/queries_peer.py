"""The peer of the query benchmark: `python -m benchmarks.queries_peer` is what one would write without a framework of
ours, FastAPI with asyncpg and redis, on the product's own server. It knows the tables, checks nothing and waits for
nothing: no read model that is away, no generation, no token.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, Response
from redis.asyncio import Redis

from infra.http.serve import serve, stop_on_signals
from infra.process import ANSWERING, run_process
from infra.settings import Settings

ORDER = """
SELECT o.*, (SELECT json_agg(l ORDER BY l.line_number) FROM orders.lines l WHERE l.order_id = o.order_id) AS lines
FROM orders.orders o WHERE o.order_id = $1
"""
TOP = "top_sellers:1:top:sale:all"


def create_app(pool: asyncpg.Pool, redis: Redis) -> FastAPI:
    """An order with its lines, and the best sellers by id."""
    app = FastAPI()

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """It serves."""
        return {"status": "ready"}

    @app.get("/v1/orders/{order_id}")
    async def get_order(order_id: str) -> Response:
        """The row with its lines."""
        (row,) = await pool.fetch(ORDER, order_id)
        order = {**row, "lines": orjson.loads(row["lines"])}
        return Response(orjson.dumps(order), media_type="application/json")

    @app.get("/v1/top-sellers")
    async def top_sellers(limit: int = 10) -> Response:
        """Members and scores."""
        found: list[Any] = await redis.zrange(TOP, 0, limit - 1, desc=True, withscores=True)
        items = [{"product_id": product_id, "total_quantity_sold": int(score)} for product_id, score in found]
        return Response(orjson.dumps({"items": items}), media_type="application/json")

    return app


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[asyncpg.Pool, Redis]]:
    """A pool and a client with their defaults."""
    redis = Redis.from_url(settings.redis_address, decode_responses=True)
    async with asyncpg.create_pool(settings.dsn, max_size=10) as pool:
        yield pool, redis
    await redis.aclose()


async def run(configuration: Settings) -> None:
    """Serve until told to stop, on the query API's port of the settings."""
    async with connected(configuration) as (pool, redis):
        stop = stop_on_signals()
        await serve(create_app(pool, redis), configuration.host, configuration.query_api_port, stop)


if __name__ == "__main__":
    run_process(run, ANSWERING)
