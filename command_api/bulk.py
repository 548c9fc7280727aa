"""Many commands in one request, for imports and policies: NDJSON in, one result per line out, in the same order."""

import asyncio
import hashlib
import re
import time
from collections.abc import Container
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from command_api.desk import AtDesk, Desk, made_or_recalled
from command_api.group.bulk_forwarding import StrayLine
from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent, Place
from command_api.offers import Offers
from command_api.order_lines import PricedItems, placed
from command_api.request import command_identity, created_id
from domain.decider import Command
from domain.order_commands import CancelOrder, FlagOrder, RecordStock, RejectOrder
from domain.product_commands import AddProduct, ChangePrice, DescribeProduct, WithdrawProduct
from domain.stock_commands import AdjustStock, CountStock, ReceiveStock, ReleaseReservation, ReserveStock, ShipReserved
from domain.words import BusinessTime, Code
from event_schemas.envelope import instant
from event_schemas.topics import ORDERS
from infra.http.consistency_token import MOST_TOKENS
from infra.http.principal import Operator, Principal
from infra.http.problems import BodyTooLarge, Problem, ValidationFailed, pointer
from infra.partition_of import partition_of
from infra.settings import settings

ROUTE = "POST /v1/bulk"
TURN_SECONDS = 0.005
"""How long lines are read in one go before other requests, and the log's answers, get their turn."""

router = APIRouter(tags=["bulk"])


Position = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,99}/[0-9]{1,4}@[0-9]{1,18}$")]


class PlaceItems(BaseModel):
    """An order as an import knows it: products and quantities, maybe the prices and the time of long ago."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: ClassVar[str] = ORDERS.name
    type: Literal["PlaceOrder"]
    items: PricedItems
    user_id: Code | None = None
    country: Code | None = None
    order_number: Code | None = None
    placed_at: BusinessTime | None = None


AnyCommand = Annotated[
    AddProduct
    | DescribeProduct
    | ChangePrice
    | WithdrawProduct
    | ReceiveStock
    | CountStock
    | AdjustStock
    | ReserveStock
    | ReleaseReservation
    | ShipReserved
    | PlaceItems
    | RecordStock
    | RejectOrder
    | CancelOrder
    | FlagOrder,
    Field(discriminator="type"),
]


class Line(BaseModel):
    """One command of a bulk request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    """Idempotency key of this command."""
    command: AnyCommand
    at: BusinessTime | None = None
    """Business time, for what happened long ago."""
    actor: Code | None = None
    correlation_id: Code | None = None
    causation_id: Code | None = None
    expected_version: int | None = Field(default=None, ge=0)
    follows: tuple[Position, ...] = Field(default=(), max_length=MOST_TOKENS)
    """Records that the command follows from, as ``stock/3@1842``."""


LINE: TypeAdapter[Line] = TypeAdapter(Line)
Result = dict[str, Any]
Handed = Result | asyncio.Future[Answer] | HeldElsewhere


@router.post(
    "/v1/bulk",
    summary="Carry out many commands",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-ndjson": {
                    "example": '{"key":"r-1","command":{"type":"ReceiveStock","sku":"A1","quantity":5}}\n',
                    "schema": {"type": "string"},
                }
            },
        }
    },
)
async def bulk(request: Request, principal: Operator, desk: AtDesk) -> Response:
    """Carry out one command a line. Answers 200 with one line each, in order: ``status`` 200 or 201 with ``id``,
    ``version``, ``position`` and ``replayed``, or the status, ``code`` and ``detail`` of a refusal.

    Commands of one aggregate are carried out in the order of their lines. A line that fails does not stop the others.
    Lines of aggregates that other instances hold are sent there.
    Refused as a whole with 403, with 413 ``body_too_large`` above the bound on bytes or lines, with 503 ``overloaded``
    when a line might wait too long.
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
    told = [_told(key, result) for key, result in zip(keys, results, strict=True)]
    strays = [
        StrayLine(place, result.shard, lines[place])
        for place, result in enumerate(told)
        if isinstance(result, HeldElsewhere)
    ]
    sent_on = await desk.group.forward_lines(strays, request.scope["headers"]) if strays else {}
    answered = (orjson.dumps(sent_on.get(place, result)) for place, result in enumerate(told))
    return Response(b"\n".join(answered) + b"\n", media_type="application/x-ndjson")


async def _hand_in(
    text: bytes, principal: Principal, desk: Desk, offers: Offers, away: Container[int]
) -> tuple[str | None, Handed]:
    """Queue one line's command; gives its key and its answer to come, or the refusal, or that it is not for here.

    Shards ``away`` are not, even when they have come here since an earlier line, which must be carried out before.
    """
    key: str | None = None
    try:
        line = LINE.validate_json(text)
        key = line.key
        command_id = command_identity(principal, ROUTE, key)
        actor = line.actor or str(principal)
        fingerprint = "" if actor.startswith("system:") else _fingerprint(line)
        of = (line.command.topic, _subject(line.command, command_id))
        shard = partition_of(of[1], desk.writers.partitions)
        if shard in away:
            raise HeldElsewhere(shard)
        recalled = desk.writers.recall(*of, command_id, fingerprint)
        if recalled is not None:
            return key, _result(key, recalled)

        async def make() -> Command:
            return await _command(line.command, command_id, offers)

        made = await made_or_recalled(desk.writers, of, command_id, fingerprint, make)
        if isinstance(made, Answer):
            return key, _result(key, made)
        intent = Intent(
            command=made,
            command_id=command_id,
            fingerprint=fingerprint,
            actor=actor,
            correlation_id=line.correlation_id or command_id,
            causation_id=line.causation_id or command_id,
            at=_business_time(line),
            expected_version=line.expected_version,
            follows=tuple(map(_place, line.follows)),
        )
        return key, desk.writers.submit(intent)
    except ValidationError as error:
        errors = [{"pointer": pointer(("body", *item["loc"])), "detail": item["msg"]} for item in error.errors()]
        return key or _key_of(text), _refusal(ValidationFailed(f"{errors[0]['pointer']}: {errors[0]['detail']}"))
    except Problem as problem:
        return key, _refusal(problem)
    except HeldElsewhere as elsewhere:
        return key, elsewhere


def _key_of(text: bytes) -> str | None:
    """The key of a line that cannot be carried out, so that its sender finds the refusal; None where it has none."""
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    key = told.get("key") if isinstance(told, dict) else None
    return key if isinstance(key, str) else None


def _subject(command: "Command | PlaceItems", command_id: str) -> str:
    return created_id(command_id) if isinstance(command, PlaceItems) else command.aggregate_id


async def _command(command: "Command | PlaceItems", command_id: str, offers: Offers) -> Command:
    if isinstance(command, PlaceItems):
        return await placed(
            created_id(command_id),
            command.items,
            offers,
            user_id=command.user_id,
            country=command.country,
            number=command.order_number,
            placed_at=command.placed_at,
        )
    if isinstance(command, ReceiveStock | CountStock | AdjustStock):
        await offers.find(sku=command.sku)
    return command


def _business_time(line: Line) -> datetime | None:
    if line.at is None and isinstance(line.command, PlaceItems):
        return line.command.placed_at
    return line.at


def _place(position: str) -> Place:
    topic, partition, offset = re.split("[/@]", position)
    return Place(topic, int(partition), int(offset))


def _fingerprint(line: Line) -> str:
    content = line.command.__pydantic_serializer__.to_json(line.command)
    at = b"" if line.at is None else instant(line.at).encode()
    return hashlib.blake2b(content + at, digest_size=16).hexdigest()


def _told(key: str | None, result: Handed) -> Result | HeldElsewhere:
    if isinstance(result, HeldElsewhere):
        return result
    return _answered(key, result) if isinstance(result, asyncio.Future) else {"key": key, **result}


def _answered(key: str | None, future: "asyncio.Future[Answer]") -> Result | HeldElsewhere:
    error = future.exception()
    if error is None:
        return _result(key, future.result())
    if isinstance(error, HeldElsewhere):
        return error
    if isinstance(error, Problem):
        return {"key": key, **_refusal(error)}
    raise error


def _result(key: str | None, answer: Answer) -> Result:
    return {
        "key": key,
        "status": 201 if answer.events or answer.replayed else 200,
        "id": answer.subject,
        "version": answer.version,
        "position": answer.position,
        "replayed": answer.replayed,
    }


def _refusal(problem: Problem) -> Result:
    return {"status": int(problem.status), "code": problem.code, "detail": problem.detail}
