"""Lines of a bulk request whose aggregates other instances hold: sent on together, one request an instance."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from command_api.group.connection import Forwarded, Headers
from command_api.group.forwarding import Routes
from command_api.refusals import Misdirected, NotReady
from infra.http.problems import Problem

SETTLING_SECONDS = 0.5
"""How long lines wait for a newer routing when an instance says that it does not hold their shards."""


class StrayLine(NamedTuple):
    """A line of a bulk request as it came, with its place in it and the shard of its aggregate."""

    place: int
    shard: int
    text: bytes


class Sends(Routes, Protocol):
    """What is needed of a forwarder."""

    async def forward(
        self, shard: int, method: str, path_and_query: str, headers: Headers, body: bytes, *, deadline_seconds: float
    ) -> Forwarded:
        """Send a request to the owner of a shard."""


async def forward_lines(
    forwarder: Sends, lines: Sequence[StrayLine], headers: Headers, deadline_seconds: float
) -> Mapping[int, dict[str, Any]]:
    """The result of each line by its place. Lines for one instance keep their order; what cannot be delivered becomes
    the refusal of each of its lines. What an instance did not hold is tried once more, then refused as not ready."""
    generation = forwarder.routing.generation
    results = await _forward_by_owner(forwarder, lines, headers, deadline_seconds)
    if again := _misdirected(lines, results):
        await forwarder.newer(generation, SETTLING_SECONDS)
        results |= await _forward_by_owner(forwarder, again, headers, deadline_seconds)
        left = _misdirected(again, results)
        results |= refused_lines(left, NotReady("Who holds this is being settled."))
    return results


async def _forward_by_owner(
    forwarder: Sends, lines: Sequence[StrayLine], headers: Headers, deadline_seconds: float
) -> dict[int, dict[str, Any]]:
    by_owner: dict[str | None, list[StrayLine]] = defaultdict(list)
    for line in lines:
        by_owner[forwarder.routing.owner(line.shard)].append(line)
    results: dict[int, dict[str, Any]] = {}
    for answered in await asyncio.gather(
        *(_forward(forwarder, group, headers, deadline_seconds) for group in by_owner.values())
    ):
        results.update(answered)
    return results


def _misdirected(lines: Sequence[StrayLine], results: Mapping[int, dict[str, Any]]) -> list[StrayLine]:
    return [line for line in lines if results[line.place]["status"] == Misdirected.status]


async def _forward(
    forwarder: Sends, lines: Sequence[StrayLine], headers: Headers, deadline_seconds: float
) -> dict[int, dict[str, Any]]:
    body = b"\n".join(line.text for line in lines) + b"\n"
    try:
        answer = await forwarder.forward(
            lines[0].shard, "POST", "/v1/bulk", headers, body, deadline_seconds=deadline_seconds
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
