"""A TCP connection to a real server that a test can cut and mend, freeze and thaw."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

from infra.settings import Settings


class Cable:
    """Listens on a free port of 127.0.0.1 and passes everything on. ``cut`` breaks what runs and refuses what comes.

    ``freeze`` keeps all connections and takes new ones, but passes nothing on: as a server does that has been stopped.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0

    def freeze(self) -> None:
        """Pass nothing on, in no direction, until ``thaw``."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on what was held back and what comes."""
        self._flows.set()

    async def __aenter__(self) -> "Cable":
        await self.mend()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            there_reader, there = await asyncio.open_connection(*self._target)
            self._open.add(there)
            try:
                await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
            finally:
                there.transport.abort()
                self._open.discard(there)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._open.discard(writer)
            self._tasks.discard(task)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


@contextlib.asynccontextmanager
async def cable_to_postgres(settings: Settings) -> AsyncIterator[tuple[Cable, Settings]]:
    """A cable to PostgreSQL, and the settings of who reaches it through that."""
    async with _cable_to(settings.dsn) as (cable, url):
        yield cable, settings.model_copy(update={"postgres_dsn": url})


@contextlib.asynccontextmanager
async def cable_to_redis(settings: Settings) -> AsyncIterator[tuple[Cable, Settings]]:
    """A cable to Redis, and the settings of who reaches it through that."""
    async with _cable_to(settings.redis_address) as (cable, url):
        yield cable, settings.model_copy(update={"redis_url": url})


@contextlib.asynccontextmanager
async def _cable_to(url: str) -> AsyncIterator[tuple[Cable, str]]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    async with Cable(parts.hostname, parts.port) as cable:
        login = parts.netloc.rpartition("@")[0]
        place = f"{login}@127.0.0.1:{cable.port}" if login else f"127.0.0.1:{cable.port}"
        yield cable, urlunsplit(parts._replace(netloc=place))
