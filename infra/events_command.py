"""`./stockroom events`: the log as lines that a person can read, the rule of the holder applied.

Reads every partition from its beginning, since who holds a partition is told only by what lies before; with `--subject`
only the one partition of each topic that the subject's key falls into.
"""

import asyncio
import os
import sys
from collections import defaultdict, deque
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from event_schemas.holder import BEAT, CLAIMED
from event_schemas.record import LogRecord
from event_schemas.topics import TOPICS
from event_schemas.type_prefix import UnknownTypePrefix, types_beginning
from infra.cluster import TopicsMissing, describe
from infra.event_lines import Filter, as_json, as_text
from infra.log_batch import START, Batch, LogBroken
from infra.log_reader import LogReader
from infra.partition_of import partition_of
from infra.settings import settings

FETCH_BYTES = 8 * 1024 * 1024
_Shown = tuple[LogRecord, bool]


def events(
    *,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only this aggregate: the id of a product or order, or a SKU.")
    ] = None,
    type_prefix: Annotated[str | None, typer.Option("--type", help="Only types that begin so, as order.placed")] = None,
    correlation: Annotated[str | None, typer.Option(help="Only this story, by its correlation id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, whole.")] = False,
    void: Annotated[bool, typer.Option("--void", help="Show records that never happened, too.")] = False,
) -> None:
    """Read the log: the newest events as lines, oldest first.

    A topic or type that there is not is refused before anything is read, with exit code 2.
    """
    known = [each.name for each in TOPICS]
    if topic is not None and topic not in known:
        raise typer.BadParameter(f"{topic!r} is not a topic; known are {', '.join(known)}")
    if type_prefix is not None:
        try:
            types_beginning(type_prefix, [CLAIMED, BEAT] if void else [])
        except UnknownTypePrefix as error:
            raise typer.BadParameter(str(error)) from error
    search = _Search(Filter(subject, type_prefix, correlation), limit, void, json)
    try:
        asyncio.run(search.run([topic] if topic else known, follow=follow))
    except KafkaError as error:
        typer.echo(f"Kafka at {settings().bootstrap_servers} cannot be read ({error}). Is it up? ./stockroom status")
        raise typer.Exit(1) from error
    except (LogBroken, TopicsMissing) as error:
        typer.echo(f"The log is not what it should be: {error}")
        raise typer.Exit(1) from error
    except BrokenPipeError:
        # The reader of the pipe, `head` for one, has enough. Nothing can be flushed at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Search:
    """One look through the log."""

    def __init__(self, wanted: Filter, limit: int, void: bool, json: bool) -> None:
        self._wanted = wanted
        self._void = void
        self._show = as_json if json else as_text
        self._newest: dict[tuple[str, int], deque[_Shown]] = defaultdict(lambda: deque(maxlen=limit))
        self._limit = limit

    async def run(self, topics: list[str], *, follow: bool) -> None:
        """Print the newest of what is there, then, with `follow`, what comes."""
        servers = settings().bootstrap_servers
        numbers = self._numbers((await describe(servers)).partitions)
        partitions = [(topic, number) for topic in topics for number in numbers]
        async with LogReader(
            servers, dict.fromkeys(partitions, START), max_partition_fetch_bytes=FETCH_BYTES
        ) as reader:
            async for batch in reader.until(await reader.ends()):
                self._newest[batch.topic, batch.partition].extend(self._of(batch))
            self._print([shown for newest in self._newest.values() for shown in newest], self._limit)
            while follow:
                self._print([shown for batch in await reader.read() for shown in self._of(batch)])

    def _numbers(self, count: int) -> range:
        if self._wanted.subject is None:
            return range(count)
        number = partition_of(self._wanted.subject, count)
        return range(number, number + 1)

    def _of(self, batch: Batch) -> list[_Shown]:
        shown = [(record, False) for record in batch.records if self._wanted.wants(record)]
        if self._void:
            shown += [(record, True) for record in batch.void_records if self._wanted.wants(record)]
            shown.sort(key=lambda one: one[0].offset)
        return shown

    def _print(self, shown: list[_Shown], newest: int = 0) -> None:
        shown.sort(key=lambda one: (one[0].appended_ms, one[0].topic, one[0].partition, one[0].offset))
        for record, void in shown[-newest:]:
            typer.echo(self._show(record, void))
