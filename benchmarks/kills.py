"""The import of a retail file while every process and server is killed in turn: nothing lost, nothing twice."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import psutil
from aiokafka.errors import KafkaError

from benchmarks.figures import Figure, Section
from benchmarks.file_sums import sold_and_invoices
from benchmarks.stage import running_stage, stockroom
from benchmarks.totals import against_the_file
from event_schemas.topics import TOPICS
from infra.imports.csv_rows import read_table
from infra.imports.retail import plan
from infra.imports.retail_rows import COLUMNS
from infra.launcher.supervised import Supervised
from infra.log_audit import audit, read_batches
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings

VICTIMS = ("command_api", "policies", "projectors", "streams", "query_api", "redis", "postgres", "kafka")
READY_SECONDS = 120.0
LOOK_SECONDS = 0.3


class TooShort(Exception):
    """The import ended before the last kill, so it proves nothing; a longer file is needed."""


async def measure(file: Path) -> list[Section]:
    """Import `file` (.csv.gz) under kills, then once more in peace. Raises `TooShort`, `CommandFailed`, `Unsound`."""
    sums = sold_and_invoices(file)
    events = _expected_events(file)
    async with running_stage() as stage:
        began = time.time()
        importing = asyncio.create_task(stockroom("import", "retail", str(file)))
        try:
            kills = []
            for number, victim in enumerate(VICTIMS, 1):
                reached = await _until_appended(stage.settings, importing, events * number // (len(VICTIMS) + 1))
                kills.append(Figure(f"{victim}, killed after {reached:,} records: ready again after",
                                    round(await kill(stage.members[victim]), 1), "s"))  # fmt: skip
            await importing
        finally:
            importing.cancel()
        seconds = time.time() - began
        log = await audit(stage.settings)
        began = time.time()
        await stockroom("import", "retail", str(file))
        again = time.time() - began
        new = sum([len(batch.records) async for batch in read_batches(stage.settings, log.positions)])
        return [
            Section(
                "SIGKILL of each, evenly over the import", [*kills, Figure("the whole import", round(seconds, 1), "s")]
            ),
            Section(
                "after it",
                [
                    Figure("events", log.events),
                    Figure("records of outdated writers, which never happened", log.void),
                    Figure("the same import again", round(again, 1), "s"),
                    Figure("it appended no event", new == 0),
                    *await against_the_file(stage, log, *sums),
                ],
            ),
        ]


def _expected_events(file: Path) -> int:
    """About how many events the import makes. Only to spread the kills: what must hold is summed elsewhere."""
    asked = plan(read_table(file, COLUMNS).rows())
    demands = sum(len({line.sku for line in order.lines}) for order in asked.orders.values())
    return 2 * len(asked.products) + len(asked.write_offs) + demands + 5 * len(asked.orders)


async def _until_appended(settings: Settings, importing: "asyncio.Task[str]", records: int) -> int:
    """Wait until the log holds that many records; gives how many it holds then."""
    starts = {(topic.name, partition): START for topic in TOPICS for partition in range(settings.partitions)}
    while not importing.done():
        with contextlib.suppress(KafkaError, OSError):
            async with LogReader(settings.bootstrap_servers, starts) as reader:
                found = sum((await reader.ends()).values())
            if found >= records:
                return found
        await asyncio.sleep(LOOK_SECONDS)
    await importing
    raise TooShort(f"the import ended before {records:,} records were in the log")


async def kill(victim: Supervised) -> float:
    """SIGKILL the program and all that it started; seconds until it is ready again."""
    assert victim.pid is not None, f"{victim.program.name} is not running"
    restarts, began = victim.restarts, time.monotonic()
    process = psutil.Process(victim.pid)
    for one in [*process.children(recursive=True), process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGKILL)
    async with asyncio.timeout(READY_SECONDS):
        while victim.restarts == restarts:  # noqa: ASYNC110 (what restarts it has no event for it)
            await asyncio.sleep(0.02)
        await victim.is_ready.wait()
    return time.monotonic() - began
