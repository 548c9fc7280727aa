"""Brings commands to the command API in bulk, each until it is carried out or refused; never drops one.

Each goes directly to the instance that holds its aggregate. While that is away it goes to another one, which sends it
on; the key stays the same, so it does not matter whether the first has carried it out.
"""

import asyncio
from collections.abc import Sequence

import httpx
import structlog

from infra.settings import Settings
from policies.answers import Refusal, settle
from policies.bulk_line import BulkLine
from policies.instances import Instances
from policies.lanes import lanes, requests
from policies.patience import StillAway, patiently
from policies.standing import Standing

MOST_LINES = 500
"""Commands in one request: more make it slower to answer, and no cheaper."""
MOVED_SECONDS = 0.5
"""How long a request is still waited for when another instance has come to hold what it is about."""
BULK_OVERHEAD_BYTES = 1_000
PATH = "/v1/bulk"

logger = structlog.get_logger(__name__)


class CommandClient:
    """The command API as policies see it. Use as an async context manager. Run ``keep_up`` beside for commands
    to go to their holders directly: without it one instance takes all, and sends them on.

    ``addresses`` are base URLs of its instances, at least one; the first is asked while nobody has said who holds what.
    ``most_lines`` and ``most_bytes`` are the server's bounds on one request.
    """

    def __init__(self, addresses: Sequence[str], *, most_lines: int, most_bytes: int) -> None:
        self._most_lines = min(most_lines, MOST_LINES)
        self._most_bytes = most_bytes
        # Loopback is never asked through a proxy.
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(60.0, connect=2.0), trust_env=False, headers={"Accept": "*/*"}
        )
        self.instances = Instances(self._http, addresses)
        """Who holds what, as far as it is known."""

    @classmethod
    def of(cls, settings: Settings) -> "CommandClient":
        """The instances that the settings name, within the bounds that they have by the same settings."""
        return cls(
            settings.command_api_urls,
            most_lines=settings.max_bulk_commands,
            most_bytes=settings.max_bulk_bytes - BULK_OVERHEAD_BYTES,
        )

    async def __aenter__(self) -> "CommandClient":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def keep_up(self) -> None:
        """Learn which instance holds what, again and again, until cancelled."""
        await self.instances.keep_up()

    async def carry_out(self, lines: Sequence[BulkLine], standing: Standing) -> list[Refusal]:
        """Have all commands carried out, those of one aggregate in their order. Returns those that were refused."""
        if not lines:
            return []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._lane(lane, standing)) for lane in lanes(lines, self.instances.address_of)]
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
            if settled.misplaced:
                self.instances.is_outdated()
            if left:
                standing.retried += len(left)
                raise StillAway(f"the command API has not carried out {len(left)} commands yet ({settled.reason})")

        await patiently(standing, "the command API", attempt)
        return refusals

    async def _post(self, lines: Sequence[BulkLine], standing: Standing) -> bytes:
        standing.requests += 1
        address = self.instances.address_of(lines[0].aggregate_id)
        try:
            response = await self._response(address, lines)
        except httpx.TransportError as error:
            self.instances.is_away(address)
            raise StillAway(f"the command API at {address} does not answer ({error!r})") from error
        if response.is_server_error:
            self.instances.is_away(address)
        else:
            self.instances.answers(address)
        if response.status_code != httpx.codes.OK:
            told = response.text[:300]
            if response.is_client_error:
                logger.error("the command API refuses the whole request", status=response.status_code, answer=told)
            raise StillAway(f"the command API at {address} answers {response.status_code}: {told}")
        return response.content

    async def _response(self, address: str, lines: Sequence[BulkLine]) -> httpx.Response:
        """The answer of one instance. One that was stopped keeps its connections: it is given up once it is known that
        another holds what these lines are about."""
        content = b"\n".join([line.body for line in lines]) + b"\n"
        headers = {"Content-Type": "application/x-ndjson"}
        asking = asyncio.create_task(self._http.post(address + PATH, content=content, headers=headers))
        moving = asyncio.create_task(self.instances.moved({line.aggregate_id for line in lines}))
        try:
            await asyncio.wait({asking, moving}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({asking}, timeout=MOVED_SECONDS)
            if not asking.done():
                raise StillAway(f"the command API at {address} does not answer, and another one holds its shard now")
            return asking.result()
        finally:
            moving.cancel()
            asking.cancel()
            await asyncio.gather(asking, moving, return_exceptions=True)
