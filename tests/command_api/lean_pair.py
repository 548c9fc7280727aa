"""The same endpoints with lean routes and without, and requests that are sent to both."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import Depends, Request, Response
from starlette.middleware import Middleware

from command_api.desk import AtDesk, Desk
from command_api.entrance import CommandApp
from command_api.order import NewOrder
from command_api.product import NewProduct
from command_api.request import Asked, CommandRequest
from command_api.stock_item import Receipt, SkuPath
from infra.http.body_type import BodyType
from infra.http.limits import BodyLimit
from infra.http.problem_handlers import install
from infra.http.problems import Conflict
from infra.http.strict_query import strict_query
from tests.support.passing import Passing
from tests.support.raw_http import exchange, request

MOST_BYTES = 40_000
JSON = "Content-Type: application/json"
ORDER: dict[str, Any] = {"items": [{"sku": "A1", "quantity": 3}], "user_id": "alice"}
BYTES = json.dumps(ORDER).encode()


class Elsewhere(Exception):
    """Stands for a command that another instance has to be asked for."""


async def send_on(request: Request, error: Exception) -> Response:
    """Answers with what came, as a handler does that sends the request on."""
    return Response(request.scope["raw_path"] + b" " + await request.body(), 421)


def told(body: NewOrder | NewProduct | Receipt, asked: CommandRequest, path: str = "/v1/orders") -> Response:
    facts = {
        "body": body.model_dump(mode="json"),
        "asked": [str(asked.principal), asked.route, asked.expected_version, asked.must_exist, asked.wait_seconds],
        "tokens": [*asked.tokens],
        "key": asked.command_id if asked.keyed else None,
        "fingerprint": asked.fingerprint(path, body),
    }
    return Response(json.dumps(facts), 201, {"ETag": '"1"', "X-Twice": "a"}, "application/json")


async def order(body: NewOrder, asked: Asked, desk: AtDesk) -> Response:
    match body.user_id:
        case "conflict":
            raise Conflict("Nope.", code="already_shipped", headers={"ETag": '"7"'}, order_id="o")
        case "away":
            raise ConnectionRefusedError("secret")
        case "bug":
            raise RuntimeError("secret")
        case "elsewhere":
            raise Elsewhere
    return told(body, asked)


async def product(body: NewProduct, asked: Asked, desk: AtDesk) -> Response:
    return told(body, asked)


async def receipt(sku: SkuPath, body: Receipt, asked: Asked, desk: AtDesk) -> Response:
    return told(body, asked, sku)


def app_of(*, lean: bool, seen: list[str]) -> CommandApp:
    app = CommandApp(
        max_requests=100,
        max_body_bytes=MOST_BYTES,
        dependencies=[Depends(strict_query)],
        middleware=[Middleware(Passing, seen=seen), Middleware(BodyLimit, max_bytes=MOST_BYTES), Middleware(BodyType)],
    )
    install(app)
    app.add_exception_handler(Elsewhere, send_on)
    routes: dict[str, Callable[..., Awaitable[Response]]] = {
        "/v1/orders": order,
        "/v1/products": product,
        "/v1/stock/{sku}/receipts": receipt,
    }
    for path, endpoint in routes.items():
        app.post(path, status_code=201)(endpoint)
        if lean:
            app.lean("POST", path, endpoint)
    app.state.desk = cast(Desk, object())
    return app


class Pair:
    """The same app with lean routes and without."""

    def __init__(self, lean: int, ordinary: int, seen: list[str]) -> None:
        self.lean, self.ordinary, self.seen = lean, ordinary, seen

    async def ask(self, pieces: bytes | list[bytes]) -> tuple[int, bool, bytes]:
        """The status, whether it took the lean route, and the answer, after a comparison of both."""
        self.seen.clear()
        lean, ordinary = await asyncio.gather(exchange(self.lean, pieces), exchange(self.ordinary, pieces))
        assert lean.text == ordinary.text
        assert b"secret" not in lean.text
        return lean.status, not self.seen, lean.text


def post(*headers: str, body: bytes = BYTES, target: str = "/v1/orders", **options: Any) -> bytes:
    return request("POST", target, *(headers or (JSON,)), body=body, **options)


def receive(sku: str, *headers: str, body: bytes = b'{"quantity":3}') -> bytes:
    return post(*(headers or (JSON,)), body=body, target=f"/v1/stock/{sku}/receipts")


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
