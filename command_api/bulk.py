"""Many commands in one request, for imports and policies: NDJSON in, one result per line out, in the same order."""

import asyncio
import time
from collections.abc import Container

import orjson
from fastapi import APIRouter, Request, Response

from command_api import bulk_line, bulk_result
from command_api.bulk_line import key_of, line_of
from command_api.bulk_result import Handed, carried_out, refused, told
from command_api.desk import AtDesk, Desk, made_or_recalled
from command_api.group.bulk_forwarding import BULK_PATH, StrayLine
from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent
from command_api.offers import Offers
from command_api.request import command_identity
from domain.decider import Command
from infra.http.principal import Operator
from infra.http.problems import BodyTooLarge, Problem
from infra.partition_of import partition_of
from infra.principal import Principal
from infra.settings import settings

ROUTE = f"POST {BULK_PATH}"
TURN_SECONDS = 0.005
"""How long lines are read in one go before other requests, and the log's answers, get their turn."""
NDJSON = "application/x-ndjson"
TAKEN = (NDJSON, "application/ndjson", "application/jsonl", "application/json")
"""Media types of the body: all the names that lines of JSON go by; one line alone is JSON."""

router = APIRouter(tags=["bulk"])


class NdjsonResponse(Response):
    """A line of JSON for each result."""

    media_type = NDJSON


@router.post(
    BULK_PATH,
    summary="Carry out many commands",
    response_class=NdjsonResponse,
    responses={
        200: {"description": "The result of each line.", "content": {NDJSON: {"example": bulk_result.EXAMPLE}}},
    },
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {NDJSON: {"example": bulk_line.EXAMPLE, "schema": {"type": "string"}}},
        }
    },
)
async def bulk(request: Request, principal: Operator, desk: AtDesk) -> Response:
    """Carry out one command a line. Answers 200 with one line each, in order: ``status`` 200 or 201 with ``id``,
    ``version``, ``position`` and ``replayed``, or the status, ``code`` and ``detail`` of a refusal.

    Commands of one aggregate are carried out in the order of their lines. A line that fails does not stop the others.
    Lines of aggregates that other instances hold are sent there.
    An empty body has no lines and gets no results. Refused as a whole with 413 ``body_too_large`` above the bound on
    bytes or lines, with 503 ``overloaded`` when a line might wait too long.
    """
    lines = [line for line in (await request.body()).split(b"\n") if line.strip()]
    most = settings().max_bulk_commands
    if len(lines) > most:
        raise BodyTooLarge(f"{len(lines)} commands; one request takes {most}.")
    desk.writers.admit_many()
    offers = desk.offers()
    results: list[Handed] = []
    away: set[int] = set()
    keys: list[str | None] = []
    turn = time.perf_counter()
    for text in lines:
        if time.perf_counter() - turn > TURN_SECONDS:
            await asyncio.sleep(0)
            turn = time.perf_counter()
        key, result = await _hand_in(text, principal, desk, offers, away)
        if isinstance(result, HeldElsewhere):
            away.add(result.shard)
        keys.append(key)
        results.append(result)
    futures = [result for result in results if isinstance(result, asyncio.Future)]
    if futures:
        await asyncio.wait(futures)
    answers = [told(key, result) for key, result in zip(keys, results, strict=True)]
    strays = [
        StrayLine(place, result.shard, lines[place])
        for place, result in enumerate(answers)
        if isinstance(result, HeldElsewhere)
    ]
    sent_on = await desk.group.forward_lines(strays, request.scope["headers"]) if strays else {}
    answered = (orjson.dumps(sent_on.get(place, result)) for place, result in enumerate(answers))
    return NdjsonResponse(b"\n".join(answered) + b"\n")


async def _hand_in(
    text: bytes, principal: Principal, desk: Desk, offers: Offers, away: Container[int]
) -> tuple[str | None, Handed]:
    """Queue one line's command; gives its key and its answer to come, or the refusal, or that it is not for here.

    Shards ``away`` are not, even when they have come here since an earlier line, which must be carried out before.
    """
    key: str | None = None
    try:
        line = line_of(text)
        key = line.key
        command_id = command_identity(principal, ROUTE, key)
        actor = line.actor or str(principal)
        fingerprint = "" if actor.startswith("system:") else line.fingerprint()
        of = (line.command.topic, line.subject(command_id))
        shard = partition_of(of[1], desk.writers.partitions)
        if shard in away:
            raise HeldElsewhere(shard)
        recalled = desk.writers.recall(*of, command_id, fingerprint)
        if recalled is not None:
            return key, carried_out(key, recalled)

        async def make() -> Command:
            return await line.made(command_id, offers)

        made = await made_or_recalled(desk.writers, of, command_id, fingerprint, make)
        if isinstance(made, Answer):
            return key, carried_out(key, made)
        intent = Intent(
            command=made,
            command_id=command_id,
            fingerprint=fingerprint,
            actor=actor,
            correlation_id=line.correlation_id or command_id,
            causation_id=line.causation_id or command_id,
            at=line.business_time,
            expected_version=line.expected_version,
            follows=line.places,
        )
        return key, desk.writers.submit(intent)
    except Problem as problem:
        return key_of(text) if key is None else key, refused(problem)
    except HeldElsewhere as elsewhere:
        return key, elsewhere
