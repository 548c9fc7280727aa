"""The requests of the load: orders of one piece each, as bytes."""

import json
from collections.abc import Iterator
from itertools import count, cycle
from secrets import token_hex

from benchmarks.load.plan import Plan

USERS = 1_000
"""Orders are placed in the names of so many customers, in turn."""


def order_requests(plan: Plan) -> Iterator[bytes]:
    """Whole requests without end. All but the Idempotency-Key is put together beforehand; keys are fresh in
    every run."""
    requests = cycle([_around_the_key(plan, sku, user) for user, sku in zip(range(USERS), cycle(plan.skus))])
    run = token_hex(8).encode()
    for number, (head, rest) in zip(count(), requests):
        yield b"%bIdempotency-Key: %b-%d\r\n%b" % (head, run, number, rest)


def _around_the_key(plan: Plan, sku: str, user: int) -> tuple[bytes, bytes]:
    body = json.dumps({"items": [{"sku": sku, "quantity": 1}], "user_id": f"user-{user}"}).encode()
    prefer = b"Prefer: %b\r\n" % plan.prefer.encode() if plan.prefer else b""
    head = b"POST /v1/orders HTTP/1.1\r\nHost: %b:%d\r\nContent-Type: application/json\r\n%b" % (
        plan.host.encode(),
        plan.port,
        prefer,
    )
    return head, b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
