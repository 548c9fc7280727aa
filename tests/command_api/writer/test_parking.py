"""Commands that wait for their aggregates."""

import asyncio
from collections.abc import Iterable

from command_api.intent import Answer, Intent, Pending
from command_api.writer.parking import Parking
from domain.stock_commands import ReceiveStock
from infra.http.problems import InternalError


def waiting(sku: str) -> Pending:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    return Pending(Intent(ReceiveStock(sku=sku, quantity=1), "k", "f", "staff:test", "k", "k"), answer)


async def test_a_load_that_fails_as_nobody_foresaw_fails_its_commands_alone() -> None:
    loaded: set[str] = set()
    went_on = asyncio.Queue[Pending]()

    async def load(subjects: Iterable[str]) -> None:
        if "BAD" in (wanted := set(subjects)):
            raise RuntimeError("nobody foresaw it")
        loaded.update(wanted)

    def go_on(pendings: list[Pending]) -> None:
        for pending in pendings:
            went_on.put_nowait(pending)

    parking = Parking(load, lambda subject: subject not in loaded, go_on)
    bad, good = waiting("BAD"), waiting("A")
    parking.park(bad)
    async with asyncio.timeout(5):
        await asyncio.wait([bad.future])
        assert isinstance(bad.future.exception(), InternalError)
        parking.park(good)
        assert await went_on.get() is good
