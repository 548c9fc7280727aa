"""The requests of the load: receipts of stock of one piece each, as bytes."""

from collections.abc import Iterator
from itertools import count, cycle
from secrets import token_hex

from benchmarks.load.plan import Plan

BODY = b'{"quantity": 1}'


def receipt_requests(plan: Plan) -> Iterator[bytes]:
    """Whole requests without end, for the plan's SKUs in turn; keys are fresh in every run."""
    heads = cycle(
        [
            b"POST /v1/stock/%b/receipts HTTP/1.1\r\nHost: %b:%d\r\nContent-Type: application/json\r\n"
            % (sku.encode(), plan.host.encode(), plan.port)
            for sku in plan.skus
        ]
    )
    run = token_hex(8).encode()
    for number, head in zip(count(), heads):
        yield b"%bIdempotency-Key: %b-%d\r\nContent-Length: %d\r\n\r\n%b" % (head, run, number, len(BODY), BODY)
