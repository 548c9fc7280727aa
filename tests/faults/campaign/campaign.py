"""One campaign: clients at work, one fault after another, then peace, and the history held against the log."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.cluster import describe
from tests.faults.campaign.faults import Fault, inject
from tests.faults.campaign.rig import Rig
from tests.faults.campaign.stalls import Stalls
from tests.faults.history import console, raw_log
from tests.faults.history.checker import Analysis, check
from tests.faults.history.history import History
from tests.faults.history.raw_log import Partition, read_log
from tests.faults.load.client import Habits
from tests.faults.load.load import Load
from tests.faults.load.probe import probe
from tests.faults.load.reader import Reader
from tests.faults.load.sender import Sender

RESUME_SECONDS = 5.0
"""Within this time after the last fault is healed every partition must acknowledge again."""
READERS = 4
PATIENCE_SECONDS = 30.0
"""So long it is waited for all the same, to say how long it took."""


@dataclass(frozen=True)
class Plan:
    """What is to be done. It ends when so many commands are acknowledged and so many faults have been."""

    seed: int
    commands: int
    faults: int
    skus: int = 30
    clients: int = 16
    habits: Habits = field(default_factory=Habits)
    shared: bool = False
    """Whether others write, or have written, to the same log."""
    reads: bool = False
    """Whether orders are read with tokens meanwhile."""
    console: bool = False
    """Whether Kafka's console consumer reads the log again."""
    pauses: tuple[float, float] = (0.2, 2.0)
    """Bounds of the time between two faults, in seconds."""


@dataclass(frozen=True)
class Struck:
    """A fault that has been: when it began and was healed, and how long until every partition acknowledged."""

    fault: Fault
    began: float
    healed: float
    resumed: float
    stall: float
    """The longest time, in seconds, for which some partition acknowledged nothing around the fault."""


@dataclass(frozen=True)
class Found:
    """What came of a campaign."""

    analysis: Analysis
    struck: list[Struck]
    resumed: dict[Partition, float]
    """Seconds from the end of the last fault to the first acknowledgement of each partition."""
    seconds: float


async def run(rig: Rig, plan: Plan, faults: Iterator[Fault], folder: Path) -> Found:
    """Run a campaign on instances that are ready. History and log stay in ``folder`` where something is wrong."""
    history = History(folder / "history.jsonl")
    try:
        async with Sender(rig.urls, history) as sender:
            load = Load(sender, f"c{plan.seed}", plan.seed, plan.skus, plan.clients, plan.habits)
            await load.set_up()
            readers = await start_readers(rig, history) if plan.reads else []
            began = time.monotonic()
            async with load.running(readers):
                times = await _strike(rig, plan, faults, load, history)
                resumed = await probe(sender, load.skus, rig.settings.partitions, PATIENCE_SECONDS)
            seconds = time.monotonic() - began
    finally:
        history.close()
    stalls = Stalls(history)
    struck = [Struck(*each, stall=stalls.longest(each[1], each[2] + each[3])) for each in times]
    log = await read_log(rig.settings.bootstrap_servers)
    found = check(history, log, shared=plan.shared)
    if plan.console:
        found.violations.extend(await console.check(log, rig.environment))
    if found.violations:
        raw_log.save(log, folder / "log.jsonl")
        (folder / "violations.txt").write_text("\n".join(f"{each.rule}: {each.what}" for each in found.violations))
    else:
        (folder / "history.jsonl").unlink()
    return Found(found, struck, resumed, seconds)


async def start_readers(rig: Rig, history: History, *module: str) -> list[Reader]:
    """Clients of a query API that is ready, started as `python -m MODULE...`."""
    await rig.start_reads(*module)
    cluster = (await describe(rig.settings.bootstrap_servers)).id
    return [Reader(rig.query_api.url, cluster, history, number) for number in range(READERS)]


async def _strike(
    rig: Rig, plan: Plan, faults: Iterator[Fault], load: Load, history: History
) -> list[tuple[Fault, float, float, float]]:
    """Faults until enough has been done; each with its beginning, its end, and the seconds to the first answers."""
    rng = random.Random(f"pauses/{plan.seed}")
    done: list[tuple[Fault, float, float, float]] = []
    while len(done) < plan.faults or history.acknowledged < plan.commands:
        await asyncio.sleep(rng.uniform(*plan.pauses))
        fault, began = next(faults), time.monotonic()
        await inject(rig, fault)
        healed = time.monotonic()
        first = await probe(load.sender, load.skus, rig.settings.partitions, PATIENCE_SECONDS)
        done.append((fault, began, healed, max(first.values())))
        await rig.ready()
    return done
