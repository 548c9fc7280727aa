"""What a request says beside its body, in its headers. Read once, for every route alike."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Annotated, NamedTuple
from uuid import UUID

import uuid_utils
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.types import Scope

from command_api.precondition import ANY, expected_version
from command_api.slots import stepped_aside
from infra.http.client_gone import ClientGone, client_gone, nobody
from infra.http.consistency_token import Token, parse
from infra.http.header_lines import joined
from infra.http.prefer import wait_seconds
from infra.http.principal import CurrentPrincipal
from infra.http.problems import BadRequest
from infra.principal import Principal

IDENTITIES = UUID("0f6d9c54-7f55-5b0a-8d0a-7b1c33a1b6c4")
_NAMESPACE = uuid_utils.UUID(str(IDENTITIES))
MADE_KEY = "stockroom.made_key"
"""Where in the scope of a request the key stands that was made for it, when it came without one."""
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class BadIdempotencyKey(BadRequest):
    """The Idempotency-Key is empty, too long, or has other than visible ASCII characters."""

    code, title = "bad_idempotency_key", "The Idempotency-Key cannot be used"


class CommandRequest(NamedTuple):
    """Who asks for a command, under which identity, on which conditions."""

    principal: Principal
    route: str
    command_id: str
    keyed: bool
    """Whether the client gave the identity, so that it can repeat it."""
    expected_version: int | None
    """The version that must be there; 0 where nothing must be there yet."""
    wait_seconds: float | None
    must_exist: bool = False
    """Whether something must be there, of whatever version."""
    tokens: Sequence[Token] = ()
    """What the client has seen of the log."""
    gone: ClientGone = nobody
    """Says whether the client has closed its connection."""
    since: float | None = None
    """When the request came, on the monotonic clock in seconds."""
    stepped_aside: Callable[[], AbstractContextManager[None]] = nullcontext
    """For the time in which the request does nothing but wait: it takes up no room then."""

    def seconds_left(self) -> float:
        """How much of ``wait_seconds`` is left, 0 or more."""
        since = time.monotonic() if self.since is None else self.since
        return max(0.0, since + (self.wait_seconds or 0.0) - time.monotonic())

    def created_id(self) -> str:
        """The id of what the command creates: it follows from the key, so a repeat reaches the same aggregate."""
        return created_id(self.command_id)

    def fingerprint(self, path: str, body: BaseModel | None) -> str:
        """A hash of what was asked, 32 hexadecimal digits; empty without a key, since then nobody can repeat it.

        It is of the canonical content: spaces, the order of fields and defaults that are written out change nothing.
        """
        if not self.keyed:
            return ""
        content = b"" if body is None else body.__pydantic_serializer__.to_json(body)
        return hashlib.blake2b(path.encode() + b"\0" + content, digest_size=16).hexdigest()


def created_id(command_id: str) -> str:
    """The id of what a command creates, for a command whose own id follows from a key."""
    return _identity(f"created/{command_id}")


def command_identity(principal: Principal, route: str, key: str) -> str:
    """The identity of the command that ``principal`` sends to ``route`` under ``key``. Raises ``BadIdempotencyKey``."""
    if _KEY.fullmatch(key) is None:
        raise BadIdempotencyKey("It must have 1 to 200 visible ASCII characters.")
    return _identity(f"{principal}|{route}|{key}")


def _identity(name: str) -> str:
    # Equal to the standard library's uuid5(IDENTITIES, name), in an eighth of its time.
    return str(uuid_utils.uuid5(_NAMESPACE, name))


async def command_request(
    request: Request,
    principal: CurrentPrincipal,
    idempotency_key: Annotated[
        str | None,
        Header(description="Makes a repeat on this route harmless: it gets the first answer.", examples=["order-4711"]),
    ] = None,
    if_match: Annotated[
        str | None, Header(description="The version that must be there, or `*`.", examples=['"3"'])
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="`*`: there must be none yet. A repeat gets its first answer.", examples=["*"])
    ] = None,
    prefer: Annotated[str | None, Header(description="How long to wait for what follows.", examples=["wait=5"])] = None,
    consistency_token: Annotated[
        str | None, Header(description="Of an earlier answer: what is looked up for the command is at least as new.")
    ] = None,
) -> CommandRequest:
    """The command request that stands in the headers, all lines of each; raises what ``request_of`` does."""
    route = f"{request.method} {request.scope['route'].path}"
    first = {
        "idempotency-key": idempotency_key,
        "if-match": if_match,
        "if-none-match": if_none_match,
        "prefer": prefer,
        "consistency-token": consistency_token,
    }
    told = [None if line is None else joined(request.headers, name) for name, line in first.items()]
    return request_of(principal, route, request.scope, *told)


def request_of(
    principal: Principal,
    route: str,
    scope: Scope,
    key: str | None,
    if_match: str | None,
    if_none_match: str | None,
    prefer: str | None,
    tokens: str | None,
) -> CommandRequest:
    """The command request of these headers, None for those that are not there; ``route`` as ``POST /v1/orders``.

    Without a key one is made, so that the instance to which the request is sent on takes it for the same command; it is
    put into ``scope`` for that.

    Raises ``BadIdempotencyKey``, ``BadIfMatch``, ``BadIfNoneMatch``, ``BadPrefer`` or ``BadConsistencyToken``.
    """
    keyed = key is not None
    if key is None:
        key = scope[MADE_KEY] = str(uuid_utils.uuid7())
    return CommandRequest(
        principal,
        route,
        command_identity(principal, route, key),
        keyed,
        expected_version(if_match, if_none_match),
        wait_seconds(prefer),
        if_match == ANY,
        () if tokens is None else parse(tokens),
        client_gone(scope),
        time.monotonic(),
        partial(stepped_aside, scope),
    )


Asked = Annotated[CommandRequest, Depends(command_request)]
"""Type of a route's parameter that is its command request."""
