"""Back pressure at the door: a bound on the requests under way, from which the operator's paths are free."""

import asyncio
import json
from typing import cast

import httpx
import pytest
from fastapi import Request, Response

from command_api.desk import AtDesk, Desk
from command_api.entrance import CommandApp
from command_api.order import NewOrder
from command_api.request import Asked
from command_api.slots import stepped_aside
from infra.http.problem_handlers import install
from tests.support.poll import until
from tests.support.raw_http import exchange, request, served

ORDER = {"items": [{"sku": "A1", "quantity": 3}]}


class Shop:
    """An app that takes two requests at once, on a lean route and on an ordinary one, and lets them wait."""

    def __init__(self) -> None:
        self.app = CommandApp(max_requests=2, max_body_bytes=1_000)
        self.entered = asyncio.Semaphore(0)
        self.leave = asyncio.Event()
        install(self.app)

        async def order(body: NewOrder, asked: Asked, desk: AtDesk) -> Response:
            return await self.hold()

        @self.app.get("/slow")
        async def slow() -> Response:
            return await self.hold()

        @self.app.get("/health")
        async def health() -> str:
            return "ok"

        @self.app.get("/waiting")
        async def waiting(request: Request) -> Response:
            with stepped_aside(request.scope):
                return await self.hold()

        @self.app.post("/v1/bulk")
        async def bulk() -> str:
            return "done"

        self.app.post("/v1/orders")(order)
        self.app.lean("POST", "/v1/orders", order)
        self.app.state.desk = cast(Desk, object())

    async def entered_by(self, client: httpx.AsyncClient, path: str, times: int) -> list[asyncio.Task[httpx.Response]]:
        """So many requests, each of them held."""
        held = [asyncio.create_task(client.get(path)) for _ in range(times)]
        for _ in held:
            await self.entered.acquire()
        return held

    async def hold(self) -> Response:
        self.entered.release()
        await self.leave.wait()
        return Response("done")


async def test_above_the_bound_requests_are_refused_at_once_and_below_it_taken_again() -> None:
    shop = Shop()
    async with (
        served(shop.app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        under_way = [asyncio.create_task(client.post("/v1/orders", json=ORDER))]
        under_way.append(asyncio.create_task(client.get("/slow")))
        for _ in under_way:
            await shop.entered.acquire()
        for refused in (await client.post("/v1/orders", json=ORDER), await client.get("/slow")):
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.get("/health")).json() == "ok"
        shop.leave.set()
        assert [(await task).status_code for task in under_way] == [200, 200]
        assert (await client.post("/v1/orders", json=ORDER)).status_code == 200


async def test_those_who_only_wait_keep_nobody_out_and_are_counted_again_afterwards() -> None:
    shop = Shop()
    async with (
        served(shop.app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        waiting = await shop.entered_by(client, "/waiting", 5)
        under_way = await shop.entered_by(client, "/slow", 2)
        assert (await client.get("/slow")).status_code == 503
        shop.leave.set()
        assert {(await task).status_code for task in waiting + under_way} == {200}
        shop.leave.clear()
        under_way = await shop.entered_by(client, "/slow", 2)
        assert (await client.get("/slow")).status_code == 503
        shop.leave.set()
        assert {(await task).status_code for task in under_way} == {200}


async def test_what_policies_send_has_room_of_its_own() -> None:
    shop = Shop()
    async with (
        served(shop.app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        under_way = await shop.entered_by(client, "/slow", 2)
        assert (await client.get("/slow")).status_code == 503
        assert (await client.post("/v1/bulk")).json() == "done"
        shop.leave.set()
        assert {(await task).status_code for task in under_way} == {200}


async def test_a_refusal_does_not_wait_for_the_body() -> None:
    shop = Shop()
    async with served(shop.app) as port:
        held = [asyncio.create_task(exchange(port, request("GET", "/slow"))) for _ in range(2)]
        for _ in held:
            await shop.entered.acquire()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()
        shop.leave.set()
        assert [(await task).status for task in held] == [200, 200]


@pytest.mark.parametrize("body", [json.dumps(ORDER).encode()[:-3], b""])
async def test_a_request_that_fails_or_whose_client_leaves_frees_its_place(body: bytes) -> None:
    shop = Shop()
    shop.leave.set()
    cut_off = request("POST", "/v1/orders", "Content-Type: application/json", body=body + b"   ")[:-3]
    async with served(shop.app) as port:
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(cut_off)
            await writer.drain()
            writer.close()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:

            async def taken() -> int:
                headers = {"Content-Type": "application/json"}
                return (await client.post("/v1/orders", content=b"{", headers=headers)).status_code

            assert await until(taken, lambda status: status == 400)
            for _ in range(5):
                assert await taken() == 400
            assert (await client.post("/v1/orders", json=ORDER)).status_code == 200
