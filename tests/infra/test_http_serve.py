"""The server in the process's own loop: a real port, a graceful stop."""

import asyncio
import os
import signal

import httpx
import pytest
from fastapi import FastAPI, Request

from infra.http.port_taken import PortTaken
from infra.http.serve import serve, stop_on_signals
from tests.support.raw_http import served


def slow_app(entered: asyncio.Event, leave: asyncio.Event) -> FastAPI:
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> str:
        entered.set()
        await leave.wait()
        return "done"

    return app


async def test_open_requests_are_finished_before_it_stops() -> None:
    stop, entered, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(slow_app(entered, leave), "127.0.0.1", 0, stop, listening=port.set_result))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await port}") as client:
        asked = asyncio.create_task(client.get("/slow"))
        await entered.wait()
        stop.set()
        leave.set()
        assert (await asked).json() == "done"
        await serving
        with pytest.raises(httpx.ConnectError):
            await client.get("/slow")


async def test_a_client_of_an_open_connection_hears_with_its_next_answer_that_it_stops() -> None:
    stop, leave = asyncio.Event(), asyncio.Event()
    leave.set()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = slow_app(asyncio.Event(), leave)
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, stop, listening=port.set_result))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await port}") as client:
        while "connection" not in (answer := await client.get("/slow")).headers:
            stop.set()
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        with pytest.raises(httpx.ConnectError):
            await client.get("/slow")
    await serving


async def test_a_request_that_does_not_end_is_cut_after_the_grace() -> None:
    stop, entered = asyncio.Event(), asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = slow_app(entered, asyncio.Event())
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, stop, grace_seconds=1, listening=port.set_result))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await port}") as client:
        asked = asyncio.create_task(client.get("/slow"))
        await entered.wait()
        stop.set()
        await asyncio.wait_for(serving, 10)
        with pytest.raises(httpx.HTTPError):
            (await asked).raise_for_status()


async def test_a_port_that_is_taken_is_named() -> None:
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(FastAPI(), "127.0.0.1", 0, stop, listening=port.set_result))
    taken = await port
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    other = listener.sockets[0].getsockname()[1]
    for number in (taken, other):
        with pytest.raises(PortTaken, match=f"127.0.0.1:{number}"):
            await serve(FastAPI(), "127.0.0.1", number, stop)
    listener.close()
    stop.set()
    await serving


async def test_sigterm_sets_the_event() -> None:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop = stop_on_signals()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    assert stop.is_set()


async def test_forwarding_headers_are_not_believed() -> None:
    app = FastAPI()

    @app.get("/who")
    async def who(request: Request) -> list[str]:
        assert request.client is not None
        return [request.client.host, request.url.scheme]

    async with served(app) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        spoofed = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}
        assert (await client.get("/who", headers=spoofed)).json() == ["127.0.0.1", "http"]
