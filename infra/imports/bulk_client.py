"""Sends commands to `POST /v1/bulk` until each is answered for good, whatever happens to the command API meanwhile.

A batch whose answer is lost is sent again with the same keys, so nothing happens twice. Refusals are not repeated.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from infra.imports.bulk_command import Answer, BulkCommand, answer

REQUEST_SECONDS = 30.0
UNKNOWN_PRODUCT_ATTEMPTS = 8
"""How often a line is sent again whose product the command API has not read of yet, as after its restart."""

Settled = Callable[[BulkCommand, Answer], None]


class ImportStopped(Exception):
    """The command API stayed away too long, or refused a request as a whole. The message says which."""


class _Unsettled(Exception):
    """Some commands have no final answer yet; the message says why."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


def batches(commands: Iterable[BulkCommand], most_commands: int, most_bytes: int) -> Iterator[list[BulkCommand]]:
    """Commands in their order, in lists that stay within both bounds; one that alone is larger goes alone."""
    batch: list[BulkCommand] = []
    size = 0
    for each in commands:
        length = len(each.line) + 1
        if batch and (len(batch) >= most_commands or size + length > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += length
    if batch:
        yield batch


class BulkClient:
    """A client of the bulk endpoint at `url` with a few requests in flight.

    `settled` is called once for each command with its final answer. `trouble` gets a sentence whenever something must
    be sent again. `patience` is how many seconds may pass without any answer before `send` gives up, `longest_pause`
    bounds the pause between two attempts, which doubles.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        settled: Settled,
        trouble: Callable[[str], None],
        *,
        in_flight: int = 3,
        most_commands: int = 500,
        most_bytes: int = 1_000_000,
        patience: float = 120.0,
        longest_pause: float = 2.0,
    ) -> None:
        self._http = http
        self._url = url
        self._settled = settled
        self._trouble = trouble
        self._in_flight = in_flight
        self._most_commands = most_commands
        self._most_bytes = most_bytes
        self._patience = patience
        self._longest_pause = longest_pause
        self._progressed = time.monotonic()
        self.repeated = 0
        """Requests that were sent again."""

    async def send(self, commands: Iterable[BulkCommand]) -> None:
        """Send all, and return when each has its final answer. Raises `ImportStopped`."""
        self._progressed = time.monotonic()
        queue = batches(commands, self._most_commands, self._most_bytes)
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._in_flight):
                    workers.create_task(self._work(queue))
        except* ImportStopped as stopped:
            raise ImportStopped(str(stopped.exceptions[0])) from stopped

    async def _work(self, queue: Iterator[list[BulkCommand]]) -> None:
        for batch in queue:
            await self._settle({each.key: each for each in batch})

    async def _settle(self, waiting: dict[str, BulkCommand]) -> None:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_Unsettled),
            stop=self._is_hopeless,
            wait=self._pause,
            before_sleep=self._say,
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    await self._attempt(waiting, attempt.retry_state.attempt_number)
        except _Unsettled as error:
            raise ImportStopped(f"Nothing was answered for {self._patience:.0f} s: {error}") from error

    async def _attempt(self, waiting: dict[str, BulkCommand], number: int) -> None:
        body = b"\n".join(each.line for each in waiting.values()) + b"\n"
        try:
            reply = await self._http.post(
                f"{self._url}/v1/bulk",
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
                timeout=REQUEST_SECONDS,
            )
        except httpx.TransportError as error:
            raise _Unsettled(f"the command API at {self._url} does not answer ({type(error).__name__})") from error
        if reply.status_code != 200:
            self._refuse(reply)
        passing = self._take(reply.content, waiting, number)
        if waiting:
            raise _Unsettled(passing or f"{len(waiting)} commands were not answered")

    def _refuse(self, reply: httpx.Response) -> None:
        told = f"the command API answered {reply.status_code}: {reply.text[:300]}"
        if reply.status_code < 500 and reply.status_code not in {408, 429}:
            raise ImportStopped(told)
        after = reply.headers.get("Retry-After", "")
        raise _Unsettled(told, float(after) if after.isdecimal() else 0.0)

    def _take(self, content: bytes, waiting: dict[str, BulkCommand], number: int) -> str:
        """Settles what is answered for good and takes it out of `waiting`; gives why the first of the rest is not."""
        passing = ""
        for sent, line in zip(list(waiting), content.splitlines(), strict=False):
            try:
                key, answered = answer(line)
            except ValueError:
                continue  # the reply was cut off here: its command stays in `waiting` and is sent again
            if key not in {sent, ""}:
                raise ImportStopped(f"the command API answered to {key!r} where {sent!r} was sent")
            key = sent
            early = answered.code == "product_not_found" and number < UNKNOWN_PRODUCT_ATTEMPTS
            if answered.may_pass or early:
                passing = passing or f"{key}: {answered.status} {answered.code} {answered.detail}"
                continue
            self._settled(waiting.pop(key), answered)
            self._progressed = time.monotonic()
        return passing

    def _is_hopeless(self, _: RetryCallState) -> bool:
        return time.monotonic() - self._progressed > self._patience

    def _say(self, state: RetryCallState) -> None:
        self.repeated += 1
        error = state.outcome.exception() if state.outcome else None
        self._trouble(f"{error}; sent again with the same keys")

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, _Unsettled) else 0.0
        return max(min(0.05 * 2.0**state.attempt_number, self._longest_pause), min(asked, 5.0))
