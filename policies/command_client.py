"""Brings commands to the command API in bulk, each until it is carried out or refused; never drops one."""

import asyncio
from collections.abc import Iterator, Sequence
from zlib import crc32

import httpx
import structlog

from policies.answers import Refusal, settle
from policies.bulk_line import BulkLine
from policies.patience import StillAway, patiently
from policies.standing import Standing

MOST_LINES = 500
"""Commands in one request: more make it slower to answer, and no cheaper."""
LANES = 4
"""Requests under way at once for one read. All commands of an aggregate go through one lane, one request at a time."""
LINES_WORTH_A_LANE = 100
PATH = "/v1/bulk"

logger = structlog.get_logger(__name__)


class CommandClient:
    """The command API as policies see it. Use as an async context manager.

    ``most_lines`` and ``most_bytes`` are the server's bounds on one request.
    """

    def __init__(self, base_url: str, *, most_lines: int, most_bytes: int) -> None:
        self._most_lines = min(most_lines, MOST_LINES)
        self._most_bytes = most_bytes
        # Loopback is never asked through a proxy.
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=httpx.Timeout(60.0, connect=2.0), trust_env=False, headers={"Accept": "*/*"}
        )

    async def __aenter__(self) -> "CommandClient":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def carry_out(self, lines: Sequence[BulkLine], standing: Standing) -> list[Refusal]:
        """Have all commands carried out, those of one aggregate in their order. Returns those that were refused."""
        if not lines:
            return []
        count = min(LANES, 1 + len(lines) // LINES_WORTH_A_LANE)
        lanes: list[list[BulkLine]] = [[] for _ in range(count)]
        for line in lines:
            lanes[crc32(line.aggregate_id.encode()) % count].append(line)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._lane(lane, standing)) for lane in lanes if lane]
        standing.commands += len(lines)
        return [refusal for task in tasks for refusal in task.result()]

    async def _lane(self, lines: Sequence[BulkLine], standing: Standing) -> list[Refusal]:
        refusals: list[Refusal] = []
        for request in requests(lines, self._most_lines, self._most_bytes):
            refusals += await self._settled(request, standing)
        return refusals

    async def _settled(self, lines: list[BulkLine], standing: Standing) -> list[Refusal]:
        refusals: list[Refusal] = []
        left = lines

        async def attempt() -> None:
            nonlocal left
            settled = settle(left, await self._post(left, standing))
            refusals.extend(settled.refusals)
            left = settled.unsettled
            if left:
                standing.retried += len(left)
                raise StillAway(f"the command API has not carried out {len(left)} commands yet ({settled.reason})")

        await patiently(standing, "the command API", attempt)
        return refusals

    async def _post(self, lines: Sequence[BulkLine], standing: Standing) -> bytes:
        standing.requests += 1
        content = b"\n".join([line.body for line in lines]) + b"\n"
        try:
            response = await self._http.post(PATH, content=content, headers={"Content-Type": "application/x-ndjson"})
        except httpx.TransportError as error:
            raise StillAway(f"the command API does not answer ({error!r})") from error
        if response.status_code != httpx.codes.OK:
            told = response.text[:300]
            if response.is_client_error:
                logger.error("the command API refuses the whole request", status=response.status_code, answer=told)
            raise StillAway(f"the command API answers {response.status_code}: {told}")
        return response.content


def requests(lines: Sequence[BulkLine], most_lines: int, most_bytes: int) -> Iterator[list[BulkLine]]:
    """The lines in order, cut so that no part has more lines or bytes than allowed; a line is never cut."""
    part: list[BulkLine] = []
    size = 0
    for line in lines:
        if part and (len(part) >= most_lines or size + len(line.body) + 1 > most_bytes):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.body) + 1
    if part:
        yield part
