"""Runs an ASGI app inside the running event loop, beside the process's other tasks, until it is told to stop.

uvicorn with httptools: 7,900 requests/s of a trivial POST over 16 connections, where granian's embedded server,
which calls itself experimental, gave 6,650 (2 cores, client included).
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from infra.http.port_taken import PortTaken
from infra.http.protocol import BoundedProtocol

GRACE_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 75
LAST_REQUEST_SECONDS = 0.3
"""How long an open connection may bring another request when the server stops, before it is closed."""
STEP_SECONDS = 0.01


class _Server(uvicorn.Server):
    """uvicorn's server without its own signal handlers, which the process owns, and with an event for its start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen, then sets `listening`."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops to listen, and tells the clients of open connections with the answers to their next requests: one that
        is closed between two requests may be closed just when the next is on its way."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        for _ in range(round(LAST_REQUEST_SECONDS / STEP_SECONDS)):
            if not self.server_state.connections:
                break
            await asyncio.sleep(STEP_SECONDS)
        await super().shutdown(sockets)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets, for the running loop. A second signal changes nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    grace_seconds: float = GRACE_SECONDS,
    listening: Callable[[int], None] | None = None,
) -> None:
    """Serve `app` until `stop` is set, then finish the open requests within `grace_seconds` and return.

    `port` 0 takes a free one; `listening` is called with the port once requests are answered. Raises `PortTaken`.
    """
    listener = _bind(host, port)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing stands before it that could be believed
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(grace_seconds)),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    started, stopping = asyncio.create_task(server.listening.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
        if listening is not None and started.done():
            listening(listener.getsockname()[1])
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        started.cancel()
        stopping.cancel()
        server.should_exit = True
        await serving
        listener.close()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(f"{host}:{port} cannot be listened on: {error.strerror}") from error
    listener.setblocking(False)
    return listener
