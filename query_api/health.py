"""`/health`: the process lives. `/ready`: the stores and the log answer, and every read model exists."""

from typing import Any

from fastapi import APIRouter

from infra.http.problems import Problem, Unavailable
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
    """200 when every query can be answered, else `503 not_ready` with the failing `checks`."""
    checks = {
        "postgresql": await _failing(sources, "postgresql"),
        "redis": await _failing(sources, "redis"),
        "kafka": None if sources.log.connected else "Kafka does not answer.",
        **{name: await _failing(sources, name) for name in FEEDS},
    }
    told = {name: failing or "ok" for name, failing in checks.items()}
    if any(checks.values()):
        raise NotReady("; ".join(f"{name}: {failing}" for name, failing in checks.items() if failing), checks=told)
    return {"status": "ready", "checks": told}


async def _failing(sources: Sources, name: str) -> str | None:
    try:
        if name == "postgresql":
            await sources.postgres.rows("SELECT 1")
        elif name == "redis":
            await sources.redis.ping()
        else:
            await sources.positions.of(FEEDS[name])
    except Problem as problem:
        return problem.detail or problem.title
    return None
