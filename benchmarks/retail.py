"""A whole retail file with everything running: the import, the same import again, the rebuild of everything."""

import re
import time
from pathlib import Path

from benchmarks.contents import Contents, contents
from benchmarks.figures import Figure, Section
from benchmarks.file_sums import sold_and_invoices
from benchmarks.processor_time import memory_mb, processor_seconds
from benchmarks.stage import CommandFailed, Stage, running_stage, stockroom
from benchmarks.totals import against_the_file
from infra.log_audit import LogAudit, audit, read_batches

TARGET_SECONDS = 240.0
REBUILT = re.compile(r"^(\w+): generation (\d+) serves; ([\d,]+) events in ([\d.]+) s", re.MULTILINE)


async def measure(file: Path) -> list[Section]:
    """Import `file` (.csv.gz) twice and rebuild everything. Raises `CommandFailed`, `StartFailed` or `Unsound`."""
    sums = sold_and_invoices(file)
    async with running_stage() as stage:
        before = processor_seconds(stage.members)
        began = time.time()
        await stockroom("import", "retail", str(file))
        ended = time.time()
        after = processor_seconds(stage.members)
        memory = memory_mb(stage.members)
        log = await audit(stage.settings)
        there = await contents(stage.settings)
        return [
            _import(log, began, ended),
            Section(
                "processor time and memory during the import",
                [
                    *(Figure(f"{name}, processor time", round(after[name] - before[name], 1), "s") for name in after),
                    Figure("all together", round(sum(after.values()) - sum(before.values()), 1), "s"),
                    *(Figure(f"{name}, memory at the end", size, "MB") for name, size in memory.items()),
                ],
            ),
            Section("against the file and the log, by independent sums", await against_the_file(stage, log, *sums)),
            await _again(stage, file, log, there),
            await _rebuild(stage, there),
        ]


def _import(log: LogAudit, began: float, ended: float) -> Section:
    seconds = ended - log.first_appended_ms / 1000
    return Section(
        "the import, from the first event until every order is settled and no projection lags",
        [
            Figure("time", round(seconds, 1), "s", TARGET_SECONDS),
            Figure("the command as a whole, with reading the file", round(ended - began, 1), "s"),
            Figure("commands that changed something, with those of the policies", len(log.commands)),
            Figure("commands a second", round(len(log.commands) / seconds), "/s"),
            Figure("events", log.events),
            Figure("events a second", round(log.events / seconds), "/s"),
            *(Figure(name, count) for name, count in sorted(log.types.items())),
        ],
    )


async def _again(stage: Stage, file: Path, log: LogAudit, there: Contents) -> Section:
    began = time.time()
    await stockroom("import", "retail", str(file))
    seconds = time.time() - began
    new = sum([len(batch.records) async for batch in read_batches(stage.settings, log.positions)])
    return Section(
        "the same import again",
        [
            Figure("time", round(seconds, 1), "s"),
            Figure("no event was appended", new == 0),
            Figure("every table and sorted set is as before", await contents(stage.settings) == there),
        ],
    )


async def _rebuild(stage: Stage, there: Contents) -> Section:
    before = processor_seconds(stage.members)["commands"]
    began = time.time()
    output = await stockroom("rebuild", "--all")
    seconds = time.time() - began
    used = processor_seconds(stage.members)["commands"] - before
    rebuilt = [(name, int(events.replace(",", "")), float(took)) for name, _, events, took in REBUILT.findall(output)]
    if not rebuilt:
        raise CommandFailed(f"the rebuild does not say what it did:\n{output}")
    now = await contents(stage.settings)
    return Section(
        "rebuild --all, every projection side by side",
        [
            Figure("time", round(seconds, 1), "s"),
            Figure("events applied a second, all together", round(sum(one[1] for one in rebuilt) / seconds), "/s"),
            *(Figure(f"{name}, {events:,} events in {took} s", round(events / took), "/s")
              for name, events, took in rebuilt),
            Figure("processor time of the command", round(used, 1), "s"),
            *(Figure(f"{name}: {rows:,} rows, equal row for row", now.get(name) == (rows, digest))
              for name, (rows, digest) in there.items()),
        ],
    )  # fmt: skip
