"""This instance among the others: what it should hold, and how what it does not hold gets to its owner."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from command_api.group.bulk_forwarding import StrayLine, forward_lines, refused_lines
from command_api.group.connection import Forwarded, Headers
from command_api.group.elsewhere import HeldElsewhere
from command_api.group.forwarding import Forwarder, is_forwarded
from command_api.group.membership import Membership
from command_api.group.routing import Routing
from command_api.refusals import Misdirected
from command_api.request import MADE_KEY
from command_api.slots import stepped_aside

DEADLINE_SECONDS = 40.0
"""How long the owner may take to answer: longer than any wait that a client may ask for."""


class InstanceGroup:
    """The group of command API instances as this one sees it."""

    def __init__(self, membership: Membership, forwarder: Forwarder) -> None:
        self._membership = membership
        self._forwarder = forwarder

    @property
    def routing(self) -> Routing:
        """Who should hold what, as far as this instance knows."""
        return self._membership.routing

    @property
    def generation(self) -> int:
        """That of ``routing``."""
        return self.routing.generation

    @property
    def leaving(self) -> bool:
        """Whether this instance leaves, or has left."""
        return self._membership.leaving

    async def newer(self, than: int, seconds: float) -> object:
        """Returns once the generation is above ``than``, or after ``seconds``."""
        return await self._membership.newer(than, seconds)

    def owner(self, shard: int) -> str | None:
        """Address of the instance that should hold a shard, None while that is not known."""
        return self.routing.owner(shard)

    async def forward(
        self, shard: int, method: str, path_and_query: str, headers: Headers, body: bytes, *, deadline_seconds: float
    ) -> Forwarded:
        """Send a request to the owner of a shard; see ``Forwarder``."""
        return await self._forwarder.forward(
            shard, method, path_and_query, headers, body, deadline_seconds=deadline_seconds
        )

    async def forward_request(self, request: Request, elsewhere: HeldElsewhere) -> Response:
        """The owner's answer to a request. Raises ``Misdirected`` when it has come from another instance already, or
        the problems of ``Forwarder``."""
        headers: Headers = request.scope["headers"]
        if is_forwarded(headers):
            raise self._misdirected(elsewhere.shard)
        if made := request.scope.get(MADE_KEY):
            headers = [*headers, (b"idempotency-key", made.encode())]
        query = request.scope["query_string"]
        path = request.scope["raw_path"].decode("ascii") + (f"?{query.decode('ascii')}" if query else "")
        body = await request.body()
        with stepped_aside(request.scope):
            answer = await self.forward(
                elsewhere.shard, request.method, path, headers, body, deadline_seconds=DEADLINE_SECONDS
            )
        response = Response(answer.body, answer.status)
        response.raw_headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
        return response

    async def forward_lines(self, lines: Sequence[StrayLine], headers: Headers) -> Mapping[int, dict[str, Any]]:
        """The results of bulk lines that other instances hold, by their places."""
        if is_forwarded(headers):
            return refused_lines(lines, self._misdirected(lines[0].shard))
        return await forward_lines(self, lines, headers, DEADLINE_SECONDS)

    def _misdirected(self, shard: int) -> Misdirected:
        return Misdirected(f"Shard {shard} is not held here.", generation=self.routing.generation)
