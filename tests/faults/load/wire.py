"""A request as HTTP, and an HTTP answer as the end of an operation: ok, fail, or info where it cannot be told."""

from typing import NamedTuple
from urllib.parse import quote

import httpx
import orjson

from command_api.request import command_identity, created_id
from infra.http.consistency_token import HEADER, parse
from infra.principal import OPERATOR
from tests.faults.history.operation import Answer, JsonObject, Outcome, Request

BULK = "POST /v1/bulk"
PLACE = "POST /v1/orders"
CANCEL = "DELETE /v1/orders/{order_id}"
RECEIVE = "POST /v1/stock/{sku}/receipts"
ADJUST = "POST /v1/stock/{sku}/adjustments"
COUNT = "PUT /v1/stock/{sku}/{warehouse_id}/count"

UNDONE = frozenset(
    {
        "partition_unavailable",
        "overloaded",
        "starting",
        "catalog_behind",
        "log_truncated",
        "log_broken",
        "offset_skipped",
        "aggregate_quarantined",
    }
)
"""Codes of 503 that say that nothing was done. Any other 503 leaves it open."""
IN_PATH = frozenset({"type", "sku", "warehouse_id", "order_id"})


class End(NamedTuple):
    """How one sending of a request ended."""

    outcome: Outcome
    status: int = 0
    code: str = ""
    answer: Answer | None = None
    facts: JsonObject | None = None


NOT_SENT = End(Outcome.FAIL, code="not_sent")
NO_ANSWER = End(Outcome.INFO, code="no_answer")


def order_id(route: str, key: str) -> str:
    """The id of the order that a request to ``route`` places under ``key``."""
    return created_id(command_identity(OPERATOR, route, key))


def line(request: Request) -> bytes:
    """The request as a line of `POST /v1/bulk`."""
    told = {"key": request.key, "command": request.content, "expected_version": request.expected}
    return orjson.dumps({name: value for name, value in told.items() if value is not None})


def single(request: Request, prefer: str | None = None) -> tuple[str, str, JsonObject | None, dict[str, str]]:
    """Method, path, body and headers of a request to an endpoint of its own."""
    method, template = request.route.split(" ", 1)
    content = {"warehouse_id": "MAIN", **request.content}
    path = template.format(**{name: quote(str(value)) for name, value in content.items()})
    body = {name: value for name, value in request.content.items() if name not in IN_PATH} or None
    headers = {"Idempotency-Key": request.key}
    if request.expected is not None:
        headers["If-Match"] = f'"{request.expected}"'
    if prefer is not None:
        headers["Prefer"] = prefer
    return method, path, body, headers


def end_of_line(told: JsonObject) -> End:
    """How a line of a bulk ended, from its result."""
    status = told["status"]
    if status >= 400:
        return _refused(status, told["code"], {})
    topic, _, place = told["position"].partition("/")
    partition, _, offset = place.partition("@")
    answer = Answer(
        told["id"], told["version"], topic, int(partition), int(offset), effect=status == 201, replayed=told["replayed"]
    )
    return End(Outcome.OK, status, answer=answer)


def end_of_single(response: httpx.Response, waited: bool) -> End:
    """How a request to an endpoint of its own ended; ``waited``: it was sent with `Prefer: wait`."""
    body = _content(response)
    if response.status_code >= 400:
        common = {"type", "title", "status", "code", "detail", "instance"}
        facts = {name: value for name, value in body.items() if name not in common}
        return _refused(response.status_code, str(body.get("code", "")), facts)
    token = parse(response.headers[HEADER])[0]  # the aggregate's own place; then may come what follows from it
    answer = Answer(
        subject=body["id"] if "id" in body else body["order_id"],
        version=int(response.headers["ETag"].strip('"')),
        topic=token.topic,
        partition=token.partition,
        offset=token.offset,
        effect=bool(body.get("events") or body.get("lines")),
        replayed=response.headers.get("Idempotent-Replayed") == "true",
        waited=waited,
        body=body,
    )
    return End(Outcome.OK, response.status_code, answer=answer)


def end_of_whole(response: httpx.Response) -> End:
    """How every line of a bulk ended that was answered as a whole with an error."""
    return _refused(response.status_code, str(_content(response).get("code", "")), {})


def _content(response: httpx.Response) -> JsonObject:
    """The body; of one that is no JSON, as of a server that is just ending, the text as its code."""
    try:
        told: JsonObject = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {"code": f"no JSON: {response.text[:100]!r}"}
    return told


def _refused(status: int, code: str, facts: JsonObject) -> End:
    definite = status < 500 or (status == 503 and code in UNDONE)
    return End(Outcome.FAIL if definite else Outcome.INFO, status, code, facts=facts)
