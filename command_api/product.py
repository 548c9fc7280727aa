"""Endpoints of products: add, describe and reprice, withdraw."""

from typing import Annotated, Any
from uuid import uuid5

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from command_api.desk import AtDesk, given
from command_api.first_stock import first_stock
from command_api.intent import Answer
from command_api.money import Currency, DecimalPrice, minor_units
from command_api.request import IDENTITIES, Asked, CommandRequest
from domain.decider import Command
from domain.product_commands import AddProduct, ReviseProduct, WithdrawProduct
from domain.words import BookDetails, Code, Name, Sku, Text, WarehouseId
from event_schemas.catalog import InitialStock, ProductAdded, ProductKind, WithdrawalReason
from event_schemas.topics import CATALOG
from infra.http.problems import ValidationFailed

STOCK_WAIT_SECONDS = 2.0
"""How long the answer to a new product waits for its first stock to be received."""

router = APIRouter(prefix="/v1/products", tags=["products"])
ProductId = Annotated[Code, Path(examples=["0d1f3c1e-5a0e-5b1e-8a57-6a0b7e3a2f11"])]


class NewBook(BookDetails):
    """What a book has beyond any other product."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewProduct(BaseModel):
    """A product to be offered under one SKU."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Quantum Mechanical Keyboard", "price": 249.99, "quantity": 50}]},
    )

    name: Name
    price: DecimalPrice
    currency: Currency = "USD"
    quantity: int = Field(
        default=0, ge=0, le=10_000_000, strict=True, description="Pieces on the shelf from the start."
    )
    warehouse_id: WarehouseId = "MAIN"
    sku: Sku | None = Field(default=None, description="Stock code; made up when not given.")
    kind: ProductKind = ProductKind.GOOD
    description: Text | None = None
    identification: Code | None = None
    image_url: Code | None = None
    book: NewBook | None = None

    def command(self, made_up_sku: str) -> AddProduct:
        """The command that adds it."""
        sku = self.sku or made_up_sku
        stock = (
            (InitialStock(sku=sku, warehouse_id=self.warehouse_id, quantity=self.quantity),) if self.quantity else ()
        )
        return AddProduct(
            sku=sku,
            name=self.name,
            price=minor_units(self.price, self.currency),
            kind=self.kind,
            description=self.description,
            identification=self.identification,
            image_url=self.image_url,
            book=self.book,
            initial_stock=stock,
        )


class ProductChange(BaseModel):
    """What to change of a product; what is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"price": 199.99}]})

    name: Name | None = None
    price: DecimalPrice | None = None
    currency: Currency | None = Field(default=None, description="Of the price; it must be the one that it has.")
    description: Text | None = None
    identification: Code | None = None
    image_url: Code | None = None
    book: NewBook | None = None


@router.post("", status_code=201, summary="Add a product")
async def add_product(body: NewProduct, asked: Asked, desk: AtDesk) -> Response:
    """Offer a product under a SKU of its own, with stock on the shelf if a quantity is given.

    Answers 201 with the product. Its stock is received by a policy; the answer waits up to 2 s for that, or as long
    as ``Prefer: wait`` says. Refused with 409 ``product_exists`` when the SKU has a product.
    """
    command = body.command(made_up_sku(asked))
    of = (CATALOG.name, command.aggregate_id)
    answer = await desk.carry_out(asked, "/v1/products", body, given(command), of=of)
    if answer.events and not answer.replayed and command.initial_stock:
        seconds = STOCK_WAIT_SECONDS if asked.wait_seconds is None else asked.wait_seconds
        with asked.stepped_aside():
            await first_stock(desk, command.sku, command.aggregate_id, seconds)
    return desk.respond(
        answer._replace(replayed=answer.replayed or not answer.events),
        product_body(answer),
        status=201,
        location=f"/v1/products/{answer.subject}",
    )


@router.patch("/{product_id}", summary="Describe or reprice a product")
async def change_product(product_id: ProductId, body: ProductChange, asked: Asked, desk: AtDesk) -> Response:
    """Change what is said of a product or what it costs, all of it or nothing.

    Answers 200 with the events that followed, none when nothing changed. Refused with 404 ``product_not_found``,
    409 ``product_withdrawn`` or ``currency_differs``, 412 ``version_conflict``.
    """
    if not body.model_dump(exclude={"currency"}, exclude_none=True):
        raise ValidationFailed("Nothing to change is given.", errors=[{"pointer": "#", "detail": "no field is given"}])

    async def make() -> Command:
        price = None
        if body.price is not None:
            currency = body.currency or (await desk.offers(asked.tokens).find(product_id=product_id)).price.currency
            price = minor_units(body.price, currency)
        described = body.model_dump(exclude={"price", "currency"}, exclude_none=True)
        return ReviseProduct(product_id=product_id, new_price=price, **described)

    answer = await desk.carry_out(asked, f"/v1/products/{product_id}", body, make, of=(CATALOG.name, product_id))
    return desk.respond(answer, desk.told(answer), location=f"/v1/products/{product_id}")


@router.delete("/{product_id}", summary="Withdraw a product")
async def withdraw_product(
    product_id: ProductId,
    asked: Asked,
    desk: AtDesk,
    reason: WithdrawalReason | None = None,
    note: Annotated[Text | None, Query(description="What a person would want to know beside the reason.")] = None,
) -> Response:
    """Offer a product no longer, as DISCONTINUED when no reason is given. Its history and stock remain; a repeat
    changes nothing.

    Answers 200 with the events that followed. Refused with 404 ``product_not_found``, 412 ``version_conflict``.
    """
    command = WithdrawProduct(product_id=product_id, reason=reason or WithdrawalReason.DISCONTINUED, note=note)
    of, told = (CATALOG.name, product_id), None if reason is note is None else command
    answer = await desk.carry_out(asked, f"/v1/products/{product_id}", told, given(command), of=of)
    return desk.respond(answer, desk.told(answer), location=f"/v1/products/{product_id}")


def made_up_sku(asked: CommandRequest) -> str:
    """A SKU for a product that came without one; a repeat gets the same."""
    return f"P-{uuid5(IDENTITIES, f'sku/{asked.command_id}').hex[:16].upper()}"


def product_body(answer: Answer) -> dict[str, Any]:
    """The product as it was added."""
    added = next((event for event in answer.events if isinstance(event, ProductAdded)), None)
    shown = added if added is not None else answer.state.added
    variant = shown.variants[0]
    return {
        "id": shown.product_id,
        "product_id": shown.product_id,
        "sku": variant.sku,
        "kind": shown.kind,
        "name": shown.name,
        "description": shown.description,
        "price": variant.price.decimal,
        "currency": variant.price.currency,
        "quantity": sum(stock.quantity for stock in shown.initial_stock),
        "book": shown.book.model_dump(exclude_none=True) if shown.book else None,
        "version": answer.version,
    }
