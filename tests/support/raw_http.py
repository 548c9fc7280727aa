"""HTTP by hand, for requests that no client library sends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.types import ASGIApp

from infra.http.serve import serve


class Raw(NamedTuple):
    """What came back: everything, as it came, without the date."""

    text: bytes

    @property
    def status(self) -> int:
        """The status of the first answer that is not an interim one; 0 when there is none."""
        last = [line for line in self.text.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        return next((int(line[9:12]) for line in last if line[9:10] != b"1"), 0)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    """The port on which ``app`` is served, by the product's own server."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, stop, grace_seconds=1, listening=port.set_result))
    try:
        yield await port
    finally:
        stop.set()
        await serving


def request(method: str, target: str, *headers: str, body: bytes = b"", length: bool = True) -> bytes:
    """A request that asks for its connection to be closed; with ``length`` it has a Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test", "Connection: close", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def exchange(port: int, pieces: bytes | Iterable[bytes], seconds: float = 20.0) -> Raw:
    """What is answered until the server closes the connection; the pieces are sent one by one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in [pieces] if isinstance(pieces, bytes) else pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        async with asyncio.timeout(seconds):
            text = await reader.read(-1)
    except ConnectionResetError:
        text = b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return Raw(b"\r\n".join(line for line in text.split(b"\r\n") if not line.lower().startswith(b"date: ")))
