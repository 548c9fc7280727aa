"""A request of the tour, shown as the curl command that does the same by hand, and its answer."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

SHOWN_HEADERS = ("ETag", "Location", "Consistency-Token", "Idempotent-Replayed")


class TourStopped(Exception):
    """A step did not go as the tour tells it; the message says what was seen."""


@dataclass(frozen=True)
class Call:
    """One HTTP request: `url` is whole, `body` becomes JSON."""

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def curl(self) -> str:
        """The command line, over several lines where it is long."""
        first = "curl -sS -i" + ("" if self.method == "GET" else f" -X {self.method}") + f" {shlex.quote(self.url)}"
        parts = [first, *(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers.items())]
        if self.body is not None:
            parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(self.body))}"]
        return " \\\n    ".join(parts)

    async def made(self, http: httpx.AsyncClient, expected: int) -> httpx.Response:
        """The answer. Raises `TourStopped` when its status is not as expected, or nobody answers."""
        try:
            reply = await http.request(self.method, self.url, json=self.body, headers=dict(self.headers), timeout=30.0)
        except httpx.TransportError as error:
            raise TourStopped(f"{self.url} does not answer ({type(error).__name__}): ./stockroom status") from error
        if reply.status_code != expected:
            raise TourStopped(f"expected {expected} of {self.method} {self.url}, got {reply.status_code}: {reply.text}")
        return reply


def answer_lines(reply: httpx.Response) -> list[str]:
    """The answer as text: status, the headers that matter, the body as indented JSON."""
    lines = [f"HTTP {reply.status_code} {reply.reason_phrase}"]
    lines += [f"{name}: {reply.headers[name]}" for name in SHOWN_HEADERS if name in reply.headers]
    return [*lines, *json.dumps(reply.json(), indent=2, ensure_ascii=False).splitlines()]
