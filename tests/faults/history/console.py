"""Kafka's own console consumer reads the log again: it must find the same records at the same places."""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping

from infra.settings import REPOSITORY
from tests.faults.history.evidence import Violation
from tests.faults.history.raw_log import Log, Partition

AGREES = "the console consumer agrees"
SHOWN = ("print.partition=true", "print.offset=true", "print.headers=true", "print.value=false", "headers.separator=|")
IDLE_MS = 10_000

Place = tuple[int, str]
"""Offset and event id; a record that is no event has an id too, or none."""


async def check(log: Log, environment: Mapping[str, str]) -> list[Violation]:
    """What the console consumer sees otherwise. ``environment``: the variables that name the broker to the tool."""
    violations: list[Violation] = []
    for topic in sorted({topic for topic, _ in log}):
        expected = {partition: records for partition, records in log.items() if partition[0] == topic}
        total = sum(map(len, expected.values()))
        seen = await _read(topic, total, environment) if total else {}
        for partition, records in expected.items():
            known = [(record.offset, record.event_id) for record in records]
            found = seen.get(partition, [])
            if found != known:
                violations.append(Violation(AGREES, f"{partition}: {_difference(known, found)}"))
    return violations


async def _read(topic: str, total: int, environment: Mapping[str, str]) -> dict[Partition, list[Place]]:
    arguments = ["--topic", topic, "--from-beginning", "--max-messages", str(total), "--timeout-ms", str(IDLE_MS)]
    formats = [part for shown in SHOWN for part in ("--formatter-property", shown)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        "kafka-console-consumer",
        *arguments,
        *formats,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=2**20,
    )
    assert process.stdout is not None
    found: dict[Partition, list[Place]] = defaultdict(list)
    async for line in process.stdout:
        for partition, place in _place(topic, line.decode()):
            found[partition].append(place)
    await process.wait()
    return found


def _place(topic: str, line: str) -> Iterator[tuple[Partition, Place]]:
    parts = line.rstrip("\n").split("\t")
    if not parts[0].startswith("Partition:"):
        return
    headers = dict(header.split(":", 1) for header in parts[2].split("|"))
    partition, offset = int(parts[0].removeprefix("Partition:")), int(parts[1].removeprefix("Offset:"))
    yield (topic, partition), (offset, headers.get("ce_id", ""))


def _difference(known: list[Place], found: list[Place]) -> str:
    for mine, other in zip(known, found, strict=False):
        if mine != other:
            return f"it has {other} where {mine} was read"
    return f"it has {len(found)} records, {len(known)} were read"
