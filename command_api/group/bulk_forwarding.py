"""Lines of a bulk request whose aggregates other instances hold: sent on together, one request an instance."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from command_api.group.connection import Forwarded, Headers
from command_api.group.forwarding import RETRY_SECONDS, ROUTING_SECONDS
from command_api.refusals import Misdirected
from infra.http.problems import Problem

BULK_PATH = "/v1/bulk"
"""Where many commands come in one request, from outside and from other instances."""


class StrayLine(NamedTuple):
    """A line of a bulk request as it came, with its place in it and the shard of its aggregate."""

    place: int
    shard: int
    text: bytes


class Sends(Protocol):
    """What is needed of the group."""

    @property
    def generation(self) -> int:
        """That of the last routing."""

    async def newer(self, than: int, seconds: float) -> object:
        """Returns once the generation is above ``than``, or after ``seconds``."""

    def owner(self, shard: int) -> str | None:
        """Address of the instance that should hold a shard, None while that is not known."""

    async def forward(
        self, shard: int, method: str, path_and_query: str, headers: Headers, body: bytes, *, deadline_seconds: float
    ) -> Forwarded:
        """Send a request to the owner of a shard."""


async def forward_lines(
    forwarder: Sends, lines: Sequence[StrayLine], headers: Headers, deadline_seconds: float
) -> Mapping[int, dict[str, Any]]:
    """The result of each line by its place. Lines for one instance keep their order; what cannot be delivered becomes
    the refusal of each of its lines. Lines that an instance does not hold are sent again, as ``Forwarder`` does it."""
    results: dict[int, dict[str, Any]] = {}
    left, patience = lines, time.monotonic() + ROUTING_SECONDS
    while left:
        generation = forwarder.generation
        by_owner: dict[str | None, list[StrayLine]] = defaultdict(list)
        for line in left:
            by_owner[forwarder.owner(line.shard)].append(line)
        for answered in await asyncio.gather(
            *(_forward(forwarder, group, headers, deadline_seconds) for group in by_owner.values())
        ):
            results.update(answered)
        left = [line for line in left if results[line.place].get("code") == Misdirected.code]
        if time.monotonic() >= patience:
            break
        if left:
            await forwarder.newer(generation, RETRY_SECONDS)
    return results


async def _forward(
    forwarder: Sends, lines: Sequence[StrayLine], headers: Headers, deadline_seconds: float
) -> dict[int, dict[str, Any]]:
    body = b"\n".join(line.text for line in lines) + b"\n"
    try:
        answer = await forwarder.forward(
            lines[0].shard, "POST", BULK_PATH, headers, body, deadline_seconds=deadline_seconds
        )
        told = [orjson.loads(text) for text in answer.body.splitlines()]
        if answer.status != 200 or len(told) != len(lines):
            raise Problem(f"the owner answered {answer.status}", status=answer.status, code=told[0].get("code"))
    except Problem as problem:
        return refused_lines(lines, problem)
    return {line.place: result for line, result in zip(lines, told, strict=True)}


def refused_lines(lines: Sequence[StrayLine], problem: Problem) -> dict[int, dict[str, Any]]:
    """The same refusal for each of these lines, by their places."""
    refusal = {"status": int(problem.status), "code": problem.code, "detail": problem.detail}
    return {line.place: {"key": _key_of(line.text), **refusal} for line in lines}


def _key_of(text: bytes) -> Any:
    return orjson.loads(text).get("key")
