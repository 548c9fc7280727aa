"""What tests of the command API ask of it over and over, and how they read what it answered and appended."""

import json
from typing import Any

import httpx

from event_schemas.record import Recorded, recorded
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings
from tests.support.ndjson import NDJSON


async def add_product(api: httpx.AsyncClient, sku: str, **fields: Any) -> dict[str, Any]:
    body = {"sku": sku, "name": f"Product {sku}", "price": 249.99, **fields}
    answer = await api.post("/v1/products", json=body, headers={"Prefer": "wait=0"})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def bulk(api: httpx.AsyncClient, *lines: dict[str, Any] | str) -> list[dict[str, Any]]:
    content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    answer = await api.post("/v1/bulk", content=content, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def events_of(settings: Settings, token: str) -> list[Recorded]:
    """The events of the aggregate whose last event the token names."""
    topic, _, place = token.split(":")[1].partition("/")
    partition, _, offset = place.partition("@")
    found: list[Recorded] = []
    async with LogReader(settings.bootstrap_servers, {(topic, int(partition)): START}) as reader:
        async for batch in reader.until({(topic, int(partition)): int(offset) + 1}):
            found.extend(map(recorded, batch.records))
    subject = found[-1].envelope.subject
    return [one for one in found if one.envelope.subject == subject]


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    return body
