"""`./stockroom dlq` for policies as a process of its own, on a database in which `buy` has parked in broken code."""

import asyncio
import os
import re
import signal
import sys

import asyncpg
import orjson
import pytest

from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from infra.log_batch import START, Position
from infra.settings import REPOSITORY, Settings
from policies.position_store import Move, PositionStore
from policies.sorting import Parked
from tests.policies.instance import Place, place, process_at
from tests.projectors.parked_stock import park_two
from tests.support.log import entry
from tests.support.orders import placed
from tests.support.poll import until


@pytest.fixture
async def parked(own: Settings, instance: Place, unique: str) -> Settings:
    """The settings of a database in which two orders of the key ``unique`` are parked, and of a command API."""
    records = []
    for offset in (0, 1):
        made = entry(placed((unique.upper(), 1), order_id=f"{unique}-{offset}"), unique, writer="w", epoch=1)
        records.append(LogRecord("orders", 0, offset, 1_300_000_000_000, made.key, made.value, made.headers))
    async with asyncpg.create_pool(own.dsn, min_size=1, max_size=2) as pool:
        store = PositionStore(pool)
        await store.prepare()
        await store.load("buy", "orders", [0])
        head = Parked(records[0], "reaction_failed", "ValueError: this code is broken")
        behind = Parked(records[1], "queued_behind", "an earlier record of this key is parked")
        await store.commit("buy", "orders", [Move(0, START, Position(2, Holder(1, "w")))], [head, behind], [])
    return own.model_copy(update={"command_api_port": instance.cable.port})


async def dlq(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Run the command; gives its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.cli", "dlq", *arguments),
        cwd=REPOSITORY,
        env={
            **os.environ,
            "STOCKROOM_POSTGRES_DSN": settings.dsn,
            "STOCKROOM_COMMAND_API_PORT": str(settings.command_api_port),
            "STOCKROOM_COMMAND_API_ADDRESS": settings.command_api_address or "",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_list_tells_what_projections_and_policies_have_parked(parked: Settings, unique: str) -> None:
    await park_two(parked)
    code, output = await dlq(parked, "list")
    stock, _, first, second = output.splitlines()
    assert code == 0
    assert stock.startswith("stock  stock/0@0  KB-1  apply_failed")
    assert re.fullmatch(
        rf"policies/buy  orders/0@0  {unique}  reaction_failed  1 try  [\d,]+ s old  ValueError: this code is broken",
        first,
    )
    assert f"orders/0@1  {unique}  queued_behind" in second
    code, output = await dlq(parked, "list", "--policy", "buy", "--key", unique, "--json")
    described = [orjson.loads(line) for line in output.splitlines()]
    assert [(one["policy"], one["place"]) for one in described] == [("buy", "orders/0@0"), ("buy", "orders/0@1")]
    assert described[0]["appended_at"] == "2011-03-13T07:06:40.000+00:00"
    assert await dlq(parked, "list", "--policy=shortfall") == (0, "policies: nothing parked\n")


async def test_show_tells_headers_and_value(parked: Settings, unique: str) -> None:
    code, output = await dlq(parked, "show", "orders/0@1", "--policy", "buy", "--json")
    shown = orjson.loads(output)
    assert code == 0
    assert shown["headers"]["ce_type"] == "order.placed.v1"
    assert orjson.loads(shown["value"])["order_id"] == f"{unique}-1"
    assert await dlq(parked, "show", "orders/0@7", "--policy", "buy") == (1, "nothing is parked at orders/0@7\n")


async def test_retry_carries_out_what_follows_by_the_code_of_today(parked: Settings) -> None:
    told = "buy: 2 carried out, 0 failed again, 0 wait behind those\n"
    assert await dlq(parked, "retry", "orders/0@1", "--policy", "buy") == (0, told)
    assert await dlq(parked, "list", "--policy", "buy") == (0, "policies: nothing parked\n")
    assert await dlq(parked, "retry", "--all", "--yes", "--policy", "buy") == (1, "nothing is parked\n")


async def test_retry_gets_past_an_instance_that_hangs(parked: Settings, instance: Place) -> None:
    async with place() as other, process_at(other) as process:
        process.send_signal(signal.SIGSTOP)
        await until(instance.shards, lambda found: len(found) == parked.partitions)
        both = parked.model_copy(update={"command_api_address": f"{other.address},{instance.address}"})
        told = "buy: 2 carried out, 0 failed again, 0 wait behind those\n"
        assert await dlq(both, "retry", "--all", "--yes", "--policy", "buy") == (0, told)


@pytest.mark.parametrize("reason", ["", "   ", "sent\ntwice", "\x1b[31m", "x" * 201])
async def test_nothing_is_dropped_without_a_reason_that_can_be_read(parked: Settings, reason: str) -> None:
    answer = await dlq(parked, "drop", "orders/0@0", "--policy", "buy", "--reason", reason)
    assert answer == (2, "a reason is one line of 1 to 200 characters\n")
    connection = await asyncpg.connect(parked.dsn)
    assert await connection.fetchval("SELECT count(*) FROM policies.parked") == 2
    await connection.close()


async def test_drop_gives_one_up_with_a_reason_and_retries_those_behind_it(parked: Settings, unique: str) -> None:
    code, output = await dlq(parked, "drop", "orders/0@0", "--policy", "buy", "--reason", "a test order")
    dropped, behind = output.splitlines()
    assert code == 0
    assert re.fullmatch(r"orders/0@0: dropped \(staff:operator, [-\d]+ [:\d]+: a test order\)", dropped)
    assert behind == "buy: 1 carried out, 0 failed again, 0 wait behind those"
    code, output = await dlq(parked, "list", "--dropped")
    assert re.fullmatch(
        "projections: nothing dropped\n"
        rf"policies/buy  orders/0@0  {unique}  dropped  by staff:operator at [-\d]+ [:\d]+  a test order\n",
        output,
    )


async def test_what_makes_no_sense_is_told_and_nothing_is_done(own: Settings) -> None:
    assert await dlq(own, "list") == (0, "projections: nothing parked\npolicies: nothing parked\n")
    assert await dlq(own, "list", "--policy", "sell") == (
        2,
        "no policy 'sell'; there are buy, initial_stock, shortfall\n",
    )
    assert await dlq(own, "retry", "--policy", "buy") == (2, "give a place, or --key, or --all\n")
    assert await dlq(own, "retry", "17", "--policy", "buy") == (
        2,
        "'17' is no place: TOPIC/PARTITION@OFFSET, as `list` shows it.\n",
    )
