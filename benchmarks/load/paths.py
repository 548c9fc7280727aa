"""The requests of the load: queries, as bytes."""

from collections.abc import Iterator
from itertools import cycle

from benchmarks.load.plan import Plan


def path_requests(plan: Plan) -> Iterator[bytes]:
    """A GET of each of the plan's paths in turn, without end."""
    return cycle([f"GET {path} HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n\r\n".encode() for path in plan.paths])
