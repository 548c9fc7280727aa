"""The order of a bulk request's lines while the shards of an instance change."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
from fastapi import FastAPI

from command_api import bulk
from command_api.group.bulk_forwarding import StrayLine
from command_api.group.elsewhere import HeldElsewhere
from command_api.refusals import NotReady
from infra.partition_of import partition_of


class Arriving:
    """The writers of an instance to which a shard comes between two lines of one request."""

    partitions = 6

    def __init__(self) -> None:
        self._asked = 0

    def admit_many(self) -> None:
        """None would wait long."""

    def recall(self, topic: str, subject: str, command_id: str, fingerprint: str) -> None:
        self._asked += 1
        if self._asked == 1:
            raise HeldElsewhere(partition_of(subject, self.partitions))

    def submit(self, intent: object) -> None:
        raise NotReady("It was decided here.")


class Others:
    """The other instances; what they get."""

    def __init__(self) -> None:
        self.got: list[int] = []

    async def forward_lines(self, lines: Sequence[StrayLine], headers: object) -> Mapping[int, dict[str, Any]]:
        self.got = [line.place for line in lines]
        return {line.place: {"status": 201} for line in lines}


async def test_later_lines_of_an_aggregate_follow_the_first_one_to_where_it_was_sent() -> None:
    app, others = FastAPI(), Others()
    app.include_router(bulk.router)
    app.state.desk = SimpleNamespace(writers=Arriving(), group=others, offers=lambda: None)
    products = ("p-1", "p-3", "p-1")
    assert len({partition_of(product, Arriving.partitions) for product in products}) == 2
    lines = [
        {"key": f"k-{number}", "command": {"type": "WithdrawProduct", "product_id": product, "reason": "OLD"}}
        for number, product in enumerate(products)
    ]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://command-api") as client:
        answer = await client.post("/v1/bulk", content=b"\n".join(map(orjson.dumps, lines)))
    assert others.got == [0, 2]
    assert [orjson.loads(line)["status"] for line in answer.content.splitlines()] == [201, 503, 201]
