"""What a request says beside its body: its identity, its fingerprint, and whether its client is still there."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid5

import httpx
import pytest
from fastapi import FastAPI, Response
from hypothesis import given
from hypothesis import strategies as st

from command_api.order import NewOrder
from command_api.request import IDENTITIES, Asked, CommandRequest, command_identity, created_id, request_of
from infra.principal import OPERATOR
from tests.support.poll import until
from tests.support.raw_http import request, served


def asked(key: str | None) -> CommandRequest:
    return request_of(OPERATOR, "POST /v1/orders", {}, key, None, None, None, None)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200), st.text())
def test_identities_are_the_version_5_uuids_of_the_standard_library(key: str, command_id: str) -> None:
    named = f"staff:operator|POST /v1/orders|{key}"
    assert command_identity(OPERATOR, "POST /v1/orders", key) == str(uuid5(IDENTITIES, named))
    assert created_id(command_id) == str(uuid5(IDENTITIES, f"created/{command_id}"))


def test_a_fingerprint_is_of_what_is_asked_and_not_of_how_it_is_written() -> None:
    written = [
        b'{"items":[{"sku":"A","quantity":1}],"user_id":null}',
        b'{ "items": [ {"quantity": 1, "sku": "\\u0041"} ] }',
        b'{"items":[{"sku":"A","quantity":2}]}',
    ]
    bodies = [NewOrder.model_validate_json(text) for text in written]
    first, again, other = (asked("k").fingerprint("/v1/orders", body) for body in bodies)
    assert first == again
    assert len({first, other, asked("k").fingerprint("/v1/others", bodies[0])}) == 3
    assert asked("k").fingerprint("/v1/orders", None) != first


def test_a_fingerprint_is_the_one_that_stands_in_logs_since_the_first_version() -> None:
    body = NewOrder.model_validate({"items": [{"sku": "A1", "quantity": 3}], "user_id": "alice"})
    assert asked("k").fingerprint("/v1/orders", body) == "41fbd6ab103213ca35e48c0ccce39b76"


def test_what_nobody_can_repeat_has_no_fingerprint() -> None:
    body = NewOrder.model_validate({"items": [{"sku": "A1", "quantity": 3}]})
    assert asked(None).fingerprint("/v1/orders", body) == ""
    assert asked(None).command_id != asked(None).command_id


class Held:
    """An app whose endpoint waits, and whose requests can be looked at."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.asked: CommandRequest | None = None
        self.leave = asyncio.Event()

        @self.app.post("/read")
        async def read(body: NewOrder, asked: Asked) -> Response:
            return await self.hold(asked)

        @self.app.post("/unread")
        async def unread(asked: Asked) -> Response:
            return await self.hold(asked)

    async def hold(self, asked: CommandRequest) -> Response:
        self.asked = asked
        await self.leave.wait()
        return Response("done")

    async def there(self) -> CommandRequest:
        """The request, once it has come."""
        there = await until(lambda: asyncio.sleep(0, self.asked), bool)
        assert there is not None
        return there


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    made = Held()
    yield made
    made.leave.set()


@pytest.mark.parametrize("path", ["/read", "/unread"])
async def test_a_client_that_closes_its_connection_is_gone_and_one_that_waits_is_not(held: Held, path: str) -> None:
    async with served(held.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = request("POST", path, "Content-Type: application/json", body=b'{"items":[{"sku":"A","quantity":1}]}')
        writer.write(sent)
        stays = await held.there()
        assert not stays.gone()

        held.asked = None
        _, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(sent)
        leaves = await held.there()
        assert not leaves.gone()
        other.close()
        assert await until(lambda: asyncio.sleep(0, leaves.gone()), bool)
        assert not stays.gone()
        held.leave.set()
        assert (await reader.read(-1)).endswith(b"done")
        writer.close()


async def test_a_client_of_another_server_is_never_gone(held: Held) -> None:
    held.leave.set()
    transport = httpx.ASGITransport(held.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.post("/unread")
    assert not (await held.there()).gone()
