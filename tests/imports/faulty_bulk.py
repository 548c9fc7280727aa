"""A server that speaks the contract of `POST /v1/bulk` and injects faults: what no command API does on demand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from infra.http.serve import serve

Result = dict[str, Any]
Fault = Callable[[int, list[Result]], bytes | int | None]
"""From the request's number (from 1) and the right results to the answer: bytes, a status, None for a broken line."""


class FaultyBulk:
    """Carries out each key once, for ever; `fault` decides how the answer is spoilt."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.requests = 0
        self.done: Counter[str] = Counter()
        self.seen: list[list[str]] = []
        self.most_at_once = 0
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.requests += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        lines = [orjson.loads(line) for line in body.splitlines()]
        self.seen.append([line["key"] for line in lines])
        answer = self.fault(self.requests, [self._carried_out(line) for line in lines])
        await asyncio.sleep(0.01)
        self._at_once -= 1
        if answer is None:
            # The headers promise more than comes, so the client sees the connection break.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"999999")]})
            await send({"type": "http.response.body", "body": b"{"})
            return
        status, content = (answer, b'{"code":"starting"}') if isinstance(answer, int) else (200, answer)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})

    def _carried_out(self, line: Result) -> Result:
        key = line["key"]
        if line["command"].get("refuse"):
            return {"key": key, "status": 409, "code": line["command"]["refuse"], "detail": "no"}
        self.done[key] += 1
        return {"key": key, "status": 201, "id": key, "version": 1, "replayed": self.done[key] > 1}


def ndjson(results: list[Result]) -> bytes:
    """The results as the command API answers them."""
    return b"".join(orjson.dumps(result) + b"\n" for result in results)


@asynccontextmanager
async def listening(app: FaultyBulk, port: int = 0) -> AsyncIterator[str]:
    """The base URL of the server while it runs."""
    stop, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, listening=bound.set_result))
    try:
        yield f"http://127.0.0.1:{await bound}"
    finally:
        stop.set()
        await serving
