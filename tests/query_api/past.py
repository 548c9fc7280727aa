"""Asks for the past over HTTP."""

from datetime import UTC, datetime
from typing import Any

import httpx

DAY = datetime(2012, 1, 1, tzinfo=UTC)
LATER = "2199-01-01T00:00:00Z"


async def asked(client: httpx.AsyncClient, path: str, as_of: object = None) -> tuple[dict[str, Any], str | None]:
    """Body and ETag."""
    answer = await client.get(path, params={} if as_of is None else {"as_of": str(as_of)})
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.headers.get("etag")


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
