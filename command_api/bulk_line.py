"""One line of a bulk request: what it may hold, reading it, and the command that it asks for."""

import hashlib
import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from command_api.intent import Place
from command_api.offers import Offers
from command_api.order_lines import PricedItems, placed
from command_api.request import created_id
from domain.decider import Command
from domain.order_commands import CancelOrder, FlagOrder, RecordStock, RejectOrder
from domain.product_commands import AddProduct, ChangePrice, DescribeProduct, WithdrawProduct
from domain.stock_commands import AdjustStock, CountStock, ReceiveStock, ReleaseReservation, ReserveStock, ShipReserved
from domain.words import BusinessTime, Code
from event_schemas.envelope import instant
from event_schemas.topics import ORDERS
from infra.http.consistency_token import MOST_TOKENS
from infra.http.problems import ValidationFailed, pointer

EXAMPLE = (
    '{"key":"p-1","command":{"type":"AddProduct","sku":"A1","name":"Lamp","price":{"amount":255,"currency":"GBP"}},'
    '"expected_version":0}\n'
    '{"key":"r-1","command":{"type":"ReceiveStock","sku":"A1","quantity":5},"at":"2010-12-01T08:00:00Z"}\n'
    '{"key":"o-1","command":{"type":"PlaceOrder","items":[{"sku":"A1","quantity":2}],"user_id":"alice"}}\n'
    '{"key":"a-1","command":{"type":"AdjustStock","sku":"A1","delta":-9,"reason":"LOST"}}\n'
)
"""A product, its stock (of long ago), an order of it, and a correction that is refused."""

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

    @property
    def business_time(self) -> datetime | None:
        """When it happened; None is now."""
        if self.at is None and isinstance(self.command, PlaceItems):
            return self.command.placed_at
        return self.at

    @property
    def places(self) -> tuple[Place, ...]:
        """``follows`` as places in the log."""
        return tuple(map(_place, self.follows))

    def subject(self, command_id: str) -> str:
        """The aggregate that decides it, for the identity that follows from its key."""
        return created_id(command_id) if isinstance(self.command, PlaceItems) else self.command.aggregate_id

    def fingerprint(self) -> str:
        """A hash of what is asked, 32 hexadecimal digits: of the command and its time."""
        content = self.command.__pydantic_serializer__.to_json(self.command)
        at = b"" if self.at is None else instant(self.at).encode()
        return hashlib.blake2b(content + at, digest_size=16).hexdigest()

    async def made(self, command_id: str, offers: Offers) -> Command:
        """The command to decide, with what it needs to know of products. Raises what ``placed`` and ``Offers.find``
        do."""
        command = self.command
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


_LINE: TypeAdapter[Line] = TypeAdapter(Line)


def line_of(text: bytes) -> Line:
    """The line that stands there. Raises ``ValidationFailed``, whose detail says of the first value what is wrong."""
    try:
        return _LINE.validate_json(text)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ValidationFailed(f"{pointer(('body', *wrong['loc']))}: {wrong['msg']}") from error


def key_of(text: bytes) -> str | None:
    """The key of a line that may be wrong otherwise, so that its sender finds the refusal; None where it has none."""
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    key = told.get("key") if isinstance(told, dict) else None
    return key if isinstance(key, str) else None


def _place(position: str) -> Place:
    topic, partition, offset = re.split("[/@]", position)
    return Place(topic, int(partition), int(offset))
