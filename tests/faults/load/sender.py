"""Sends requests to the instances of the command API and notes in the history how each sending ended."""

from collections.abc import Sequence

import httpx
import orjson

from tests.faults.history.checks.decisions import TRANSIENT
from tests.faults.history.history import History
from tests.faults.history.operation import Operation, Outcome, Request
from tests.faults.load.wire import (
    BULK,
    NO_ANSWER,
    NOT_SENT,
    End,
    end_of_line,
    end_of_single,
    end_of_whole,
    line,
    single,
)
from tests.support.ndjson import NDJSON

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
CONNECT_SECONDS = 1.0


class Sender:
    """One HTTP client per instance. Use as an async context manager."""

    def __init__(self, urls: Sequence[str], history: History) -> None:
        self.history = history
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._clients = [httpx.AsyncClient(base_url=url, trust_env=False, limits=limits) for url in urls]

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(self, *exc: object) -> None:
        for client in self._clients:
            await client.aclose()

    @property
    def instances(self) -> int:
        """How many instances there are."""
        return len(self._clients)

    async def send(
        self, client: int, instance: int, request: Request, seconds: float, prefer: str | None = None
    ) -> Operation:
        """Send one request to an endpoint of its own, or as a bulk of one line, and wait at most so long."""
        if request.route == BULK:
            [operation] = await self.send_bulk(client, instance, [request], seconds)
            return operation
        operation = self.history.invoke(client, instance, request)
        method, path, body, headers = single(request, prefer)
        try:
            response = await self._clients[instance].request(
                method, path, json=body, headers=headers, timeout=_timeout(seconds)
            )
            end = end_of_single(response, waited=prefer is not None)
        except NEVER_LEFT:
            end = NOT_SENT
        except httpx.HTTPError:
            end = NO_ANSWER
        return self._complete(operation, end)

    async def send_bulk(
        self, client: int, instance: int, requests: Sequence[Request], seconds: float
    ) -> list[Operation]:
        """Send requests as the lines of one bulk; an operation for each, in their order."""
        operations = [self.history.invoke(client, instance, request) for request in requests]
        try:
            response = await self._clients[instance].post(
                "/v1/bulk", content=b"\n".join(map(line, requests)), headers=NDJSON, timeout=_timeout(seconds)
            )
            if response.is_success:
                told = [orjson.loads(text) for text in response.content.splitlines()]
                assert [each["key"] for each in told] == [request.key for request in requests], "keys do not match"
                ends = [end_of_line(each) for each in told]
            else:
                ends = [end_of_whole(response)] * len(operations)
        except NEVER_LEFT:
            ends = [NOT_SENT] * len(operations)
        except httpx.HTTPError:
            ends = [NO_ANSWER] * len(operations)
        return [self._complete(operation, end) for operation, end in zip(operations, ends, strict=True)]

    def _complete(self, operation: Operation, end: End) -> Operation:
        return self.history.complete(
            operation, end.outcome, status=end.status, code=end.code, answer=end.answer, facts=end.facts
        )


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))


def settled(operation: Operation) -> bool:
    """Whether nothing is won by sending it again: it was acknowledged, or refused for good."""
    return operation.outcome is Outcome.OK or (operation.outcome is Outcome.FAIL and operation.code not in TRANSIENT)
