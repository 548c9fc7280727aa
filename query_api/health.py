"""`/health`: the process lives. `/ready`: the stores and the log answer, and every read model exists."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter

from infra.http.problems import Unavailable
from infra.stores_answer import failing
from query_api.feeds import FEEDS
from query_api.sources import FromSources, Sources

router = APIRouter(tags=["operations"])


class NotReady(Unavailable):
    """Something that answers depend on is not there yet; `checks` says what."""

    code, title = "not_ready", "Not ready"


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers; says nothing of the servers behind it."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(sources: FromSources) -> dict[str, Any]:
    """200 when every query can be answered, else `503 not_ready` with the failing `checks`; within 3 s."""
    names = ("postgresql", "redis", "kafka", *FEEDS)
    checks = dict(zip(names, await asyncio.gather(*(_failing(sources, name) for name in names)), strict=True))
    told = {name: why or "ok" for name, why in checks.items()}
    if any(checks.values()):
        raise NotReady("; ".join(f"{name}: {why}" for name, why in checks.items() if why), checks=told)
    return {"status": "ready", "checks": told}


async def _failing(sources: Sources, name: str) -> str | None:
    """Why this cannot be used, None when it can."""
    if name == "kafka":
        return None if sources.log.connected else "Kafka does not answer."
    ask: Callable[[], Awaitable[Any]]
    if name == "postgresql":
        ask = partial(sources.postgres.rows, "SELECT 1")
    elif name == "redis":
        ask = sources.redis.ping
    else:
        ask = partial(sources.positions.of, FEEDS[name])
    return await failing(ask)
