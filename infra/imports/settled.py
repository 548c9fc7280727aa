"""Waits until the read models have caught up and no imported order is pending."""

import asyncio
import time
from collections.abc import Callable, Collection

import httpx

from infra.imports.bulk_client import ImportStopped
from infra.imports.known import statuses
from infra.settings import Settings

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.5
PATIENCE_SECONDS = 120.0


class _Patience:
    """Pauses between two looks. Raises `ImportStopped` when what is seen has not changed for two minutes."""

    def __init__(self) -> None:
        self._seen: object = None
        self._changed = time.monotonic()
        self._pause = FIRST_PAUSE

    async def watch(self, now: object, why: str) -> None:
        if now != self._seen:
            self._seen, self._changed = now, time.monotonic()
        if time.monotonic() - self._changed > PATIENCE_SECONDS:
            raise ImportStopped(f"nothing has moved for {PATIENCE_SECONDS:.0f} s: {why}. See ./stockroom status")
        # Asking costs the servers that are waited for; so it is done more and more rarely.
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 1.3, LONGEST_PAUSE)


async def caught_up(http: httpx.AsyncClient, settings: Settings, say: Callable[[str], None]) -> None:
    """Return when no projection lags. Raises `ImportStopped` when nothing moves for two minutes."""
    patience = _Patience()
    while True:
        behind, why = await _behind(http, settings.query_api_url)
        if behind == 0:
            return
        say(why)
        await patience.watch(behind, why)


async def settled(
    http: httpx.AsyncClient, settings: Settings, numbers: Collection[str], say: Callable[[str], None]
) -> dict[str, int]:
    """Return the orders per status once none of `numbers` is pending and no projection lags. Raises `ImportStopped`.

    The counts must be the same before and after the lag was seen to be 0: then what settled the last order lies before
    the place that every projection has reached.
    """
    patience = _Patience()
    before: dict[str, int] | None = None
    while True:
        behind, why = await _behind(http, settings.query_api_url)
        counts = await statuses(settings.dsn, numbers)
        pending = counts.get("PENDING", 0)
        if behind == 0 and pending == 0 and counts == before:
            return counts
        before = counts
        told = f"{pending:,} orders are pending" if pending else why if behind else "looking once more"
        say(told)
        await patience.watch((behind, counts), told)


async def _behind(http: httpx.AsyncClient, query_api: str) -> tuple[int | None, str]:
    """Events that all projections together lag behind, None when it is not known; and a sentence."""
    try:
        reply = await http.get(f"{query_api}/v1/projections", timeout=10.0)
        reply.raise_for_status()
    except httpx.HTTPError as error:
        return None, f"the query API at {query_api} does not answer ({type(error).__name__})"
    lags = {item["name"]: item["lag_events"] for item in reply.json()["items"]}
    unknown = [name for name, lag in lags.items() if lag is None]
    if unknown or not lags:
        return None, f"it cannot be told how far these are: {', '.join(unknown) or 'all read models'}"
    slowest = max(lags, key=lambda name: int(lags[name]))
    return sum(lags.values()), f"{slowest} is {lags[slowest]:,} events behind"
