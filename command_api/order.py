"""Endpoints of orders: place and cancel."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict

from command_api.desk import AtDesk, Desk, given
from command_api.intent import Answer
from command_api.order_lines import Items, placed
from command_api.request import Asked, CommandRequest
from command_api.writer.partition_writer import PartitionWriter
from command_api.writer.watch import Watch
from domain.decider import Command
from domain.order import Order
from domain.order_commands import CancelOrder
from domain.words import Code
from event_schemas.money import Money
from event_schemas.order import OrderPlaced, OrderStatus
from event_schemas.topics import ORDERS, STOCK
from infra.http.problems import DependencyUnavailable, Problem

router = APIRouter(prefix="/v1/orders", tags=["orders"])


class NewOrder(BaseModel):
    """What is ordered, and by whom; an order without a user is a guest's."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"items": [{"sku": "P-0D1F3C1E5A0E5B1E", "quantity": 3}], "user_id": "alice"}]},
    )

    items: Items
    user_id: Code | None = None
    country: Code | None = None


@router.post("", status_code=201, summary="Place an order")
async def place_order(body: NewOrder, asked: Asked, desk: AtDesk) -> Response:
    """Order some products at their prices of now.

    Answers 201 at once with the order, ``PENDING``: its stock is being asked for. With ``Prefer: wait=5`` the answer
    waits, at most so long, until the order is settled: ``CONFIRMED``, ``REJECTED``, or ``EXPIRED`` when its deadline
    passes first; its Consistency-Token then covers the stock that was promised, too.
    Refused with 404 ``product_not_found``, 409 ``product_withdrawn``, 422 ``mixed_currencies``.
    """
    order_id = asked.created_id()

    async def make() -> Command:
        offers = desk.offers(asked.tokens)
        return await placed(order_id, body.items, offers, user_id=body.user_id, country=body.country)

    async def carry_out() -> Answer:
        return await desk.carry_out(asked, "/v1/orders", body, make, of=(ORDERS.name, order_id))

    status = OrderStatus.PENDING
    if asked.wait_seconds is None:
        answer = await carry_out()
    else:
        answer, status = await _settled(desk, order_id, carry_out, asked)
    if not answer.events:
        answer = answer._replace(replayed=True)
    return desk.respond(answer, order_body(answer, status), status=201, location=f"/v1/orders/{answer.subject}")


async def _settled(
    desk: Desk, order_id: str, carry_out: Callable[[], Awaitable[Answer]], asked: CommandRequest
) -> tuple[Answer, OrderStatus]:
    """Place an order and wait as long as was asked until it is not pending any more. Its answer then names all that was
    waited for, so whoever comes with its tokens sees that too; where that cannot be told, the order alone.

    The log of an order does not say where the records lie that it follows from. Where not all of its events were seen
    here, as in a repeat, the answer names the last records of the partitions of its stock: those lie before them.
    """
    writer = desk.writers.of(ORDERS.name, order_id)
    with writer.watches.on(order_id) as watch:
        answer = await carry_out()
        try:
            return await _outcome(desk, writer, watch, answer, asked)
        except Problem:  # it is placed: that its end cannot be told is no refusal
            return answer, OrderStatus.PENDING


async def _outcome(
    desk: Desk, writer: PartitionWriter, watch: Watch, answer: Answer, asked: CommandRequest
) -> tuple[Answer, OrderStatus]:
    await writer.ready(answer.subject)
    if not writer.claiming and writer.acknowledged(answer.subject).state.status is OrderStatus.PENDING:
        with asked.stepped_aside():
            await watch.until(lambda _, state: state.status is not OrderStatus.PENDING, asked.seconds_left())
        await writer.ready(answer.subject)
    if writer.claiming:
        return answer, OrderStatus.PENDING
    now: Order = writer.acknowledged(answer.subject).state
    version, end = writer.acknowledged(answer.subject).version, writer.next_offset
    seen = watch.follows
    if watch.events != version:
        with suppress(DependencyUnavailable):
            seen = await desk.newest(STOCK.name, now.results)
    return answer._replace(version=version, offset=end - 1, seen=seen), now.status or OrderStatus.PENDING


@router.delete("/{order_id}", summary="Cancel an order")
async def cancel_order(
    order_id: Annotated[Code, Path()], asked: Asked, desk: AtDesk, reason: Code = "CUSTOMER_REQUEST"
) -> Response:
    """Call an order off; its goods go back to the shelf. A repeat changes nothing.

    Answers 200 with the events. Refused with 404 ``order_not_found``, 409 ``order_closed``, 412 ``version_conflict``.
    """
    command = CancelOrder(order_id=order_id, reason=reason, cancelled_by=str(asked.principal))
    path = f"/v1/orders/{order_id}?{reason}"
    answer = await desk.carry_out(asked, path, None, given(command), of=(ORDERS.name, order_id))
    return desk.respond(answer, desk.told(answer), location=f"/v1/orders/{order_id}")


def order_body(answer: Answer, status: OrderStatus) -> dict[str, Any]:
    """The order as it was placed, with its status; only its totals when its events are not at hand any more."""
    placed_event = next((event for event in answer.events if isinstance(event, OrderPlaced)), None)
    if placed_event is None:
        state: Order = answer.state
        total = Money(amount=state.total, currency=state.currency)
        return {
            "order_id": answer.subject,
            "status": state.status,
            "total": total.decimal,
            "currency": total.currency,
            "version": answer.version,
        }
    return {
        "order_id": placed_event.order_id,
        "order_number": placed_event.order_number,
        "user_id": placed_event.user_id,
        "status": status,
        "placed_at": placed_event.placed_at,
        "lines": [
            {
                "line_id": line.line_id,
                "product_id": line.product_id,
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": line.unit_price.decimal,
                "line_total": line.line_total.decimal,
            }
            for line in placed_event.lines
        ],
        "total": placed_event.total.decimal,
        "currency": placed_event.total.currency,
        "version": answer.version,
    }
