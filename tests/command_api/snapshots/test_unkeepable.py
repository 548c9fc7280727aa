"""An aggregate that no snapshot can hold, by an event that was written by hand, is set aside, and no other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest

from command_api.fence.fence import Fence
from command_api.snapshots.postgres_store import PostgresSnapshots
from command_api.writer.aggregate import Unkeepable, Versioned, kept
from command_api.writer.keepers import Keepers
from command_api.writer.saver import QUARANTINED, Pace
from domain.stock_item import STOCK_ITEM
from event_schemas.codec import encode
from event_schemas.stock import StockReceived
from tests.command_api.snapshots.owners import Owner
from tests.contract.memory_log import MemoryLog, SharedLog

OF_CONTROL_CHARACTERS = "A\0"
TOO_LONG = "".join(chr(0x4E00 + 7919 * number % 20_000) for number in range(3_000))


@pytest.mark.parametrize(
    ("subject", "quantity"),
    [("HUGE", 10**30), (OF_CONTROL_CHARACTERS, 1), (QUARANTINED, 1), (TOO_LONG, 1)],
    ids=["number", "control character", "name that snapshots use", "too long for an index"],
)
async def test_one_forged_event_does_not_end_the_snapshots_of_its_partition(
    postgres: asyncpg.Pool, unique: str, subject: str, quantity: int
) -> None:
    shared = SharedLog(unique)
    async with _owner(postgres, shared) as owner:
        await owner.receive("A1", 1)
    await _forge(shared, subject, StockReceived(sku=subject, warehouse_id="MAIN", quantity=quantity))
    async with _owner(postgres, shared) as owner:
        await owner.receive("A2", 1)
    async with _owner(postgres, shared) as owner:
        assert [(await owner.receive(sku, 1, key=f"{sku} again")).version for sku in ("A1", "A2")] == [2, 2]
        assert owner.log.read_records <= 4
        assert "1 aggregates quarantined: " in owner.writer.trouble
        assert "no snapshots" not in owner.writer.trouble


@pytest.mark.parametrize("value", [2**64, "\ud800"], ids=["number", "surrogate"])
def test_a_value_that_json_does_not_take_cannot_be_kept(value: int | str) -> None:
    with pytest.raises(Unkeepable):
        kept("A1", Versioned(1, STOCK_ITEM.initial), STOCK_ITEM._replace(dump=lambda state: [value]))


def test_a_dump_that_gives_no_json_is_a_mistake_and_quarantines_nothing() -> None:
    wrong: Any = object()
    with pytest.raises(orjson.JSONEncodeError, match="not JSON serializable"):
        kept("A1", Versioned(1, STOCK_ITEM.initial), STOCK_ITEM._replace(dump=lambda state: [wrong]))


@asynccontextmanager
async def _owner(postgres: asyncpg.Pool, shared: SharedLog) -> AsyncIterator[Owner]:
    owner = Owner(shared, Keepers(PostgresSnapshots(postgres), "cluster-1", Pace(3600, 1_000_000), 100))
    try:
        yield owner
    finally:
        await owner.stop()


async def _forge(shared: SharedLog, subject: str, event: StockReceived) -> None:
    """Append an event under the name of a holder."""
    fence = Fence(MemoryLog(shared), lambda record: None)
    await fence.claim()
    like = next(record for record in shared.records if record.key == b"A1")
    forged = {
        "ce_writer": fence.holder.writer.encode(),
        "ce_epoch": b"%d" % fence.holder.epoch,
        "ce_id": b"forged",
        "ce_commandid": b"forged",
        "ce_subject": subject.encode(),
    }
    headers = [(name, forged.get(name, value)) for name, value in like.headers]
    shared.records.append(
        like._replace(offset=len(shared.records), key=subject.encode(), value=encode(event), headers=headers)
    )
