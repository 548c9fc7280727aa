"""Many buyers want few units at the same moment, over all instances: exactly so many get one, and each is told so."""

import asyncio
import random
from collections import Counter

from domain.ids import product_id
from tests.faults.campaign.rig import Rig
from tests.faults.history.checker import check
from tests.faults.history.history import History
from tests.faults.history.holder_rule import sift
from tests.faults.history.operation import Operation, Outcome, Request
from tests.faults.history.raw_log import Log, read_log
from tests.faults.load.sender import Sender, settled
from tests.faults.load.wire import BULK, PLACE, order_id

BUYERS, UNITS = 400, 20
WAIT = "wait=30"
ANSWER_SECONDS = 60.0
TRIES = 20


async def test_of_400_buyers_exactly_20_get_one_of_20_units(rig: Rig) -> None:
    history, sku = History(), "BUYERS-ORDER"
    await rig.start_instances()
    await rig.policies.start()
    await rig.policies.ready(30)
    async with Sender(rig.urls, history) as sender:
        await stock(sender, sku)

        async def buy(buyer: int) -> str:
            order = {"type": "PlaceOrder", "items": [{"sku": sku, "quantity": 1}]}
            key = f"{sku}-{buyer}"
            request = Request(PLACE, key, order, order_id(PLACE, key))
            operation = await until_settled(sender, buyer, request, WAIT)
            assert operation.answer is not None, f"{operation.status} {operation.code}"
            assert operation.answer.body is not None
            return str(operation.answer.body["status"])

        told = Counter(await asyncio.gather(*map(buy, range(BUYERS))))
    assert told == {"CONFIRMED": UNITS, "REJECTED": BUYERS - UNITS}
    await holds(rig, history, sku)


async def test_of_400_promises_exactly_20_are_made_of_20_units(rig: Rig) -> None:
    history, sku = History(), "BUYERS-PROMISE"
    await rig.start_instances()
    async with Sender(rig.urls, history) as sender:
        await stock(sender, sku)

        async def reserve(buyer: int) -> Operation:
            wanted = {"type": "ReserveStock", "sku": sku, "quantity": 1, "purpose": "SALE"}
            content = {**wanted, "reservation_id": f"r-{buyer}", "ref_id": f"buyer-{buyer}"}
            return await until_settled(sender, buyer, Request(BULK, f"{sku}-{buyer}", content, sku))

        operations = await asyncio.gather(*map(reserve, range(BUYERS)))
    assert {operation.outcome for operation in operations} == {Outcome.OK}
    log = await holds(rig, history, sku)
    assert events_of(log, sku)["stock.reservation_rejected.v1"] == BUYERS - UNITS


async def until_settled(sender: Sender, buyer: int, request: Request, prefer: str | None = None) -> Operation:
    """Each buyer begins at an instance of its own choice, and goes to the next where that one cannot tell."""
    first = random.Random(f"{buyer}").randrange(sender.instances)
    for number in range(TRIES):
        operation = await sender.send(buyer, (first + number) % sender.instances, request, ANSWER_SECONDS, prefer)
        if settled(operation):
            break
        await asyncio.sleep(0.1)
    return operation


async def stock(sender: Sender, sku: str) -> None:
    price = {"amount": 500, "currency": "USD"}
    for request in (
        Request(BULK, f"{sku}-add", {"type": "AddProduct", "sku": sku, "name": sku, "price": price}, product_id(sku)),
        Request(BULK, f"{sku}-stock", {"type": "ReceiveStock", "sku": sku, "quantity": UNITS}, sku),
    ):
        assert (await until_settled(sender, -1, request)).outcome is Outcome.OK


async def holds(rig: Rig, history: History, sku: str) -> Log:
    """The log has exactly so many promises of the SKU, and no invariant is broken."""
    log = await read_log(rig.settings.bootstrap_servers)
    assert events_of(log, sku)["stock.reserved.v1"] == UNITS
    analysis = check(history, log, shared=True)
    assert not analysis.violations, str(analysis)
    return log


def events_of(log: Log, sku: str) -> Counter[str]:
    counted = (record for records in log.values() for record in sift(records).counted)
    return Counter(record.type for record in counted if record.key == sku)
