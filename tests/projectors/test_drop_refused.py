"""Drops that cannot take effect, and rebuilds that cannot know of them, say so in words."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from event_schemas.topics import OPERATIONS
from infra.settings import Settings
from projectors.dead_letters.drop import NotVoided, drop
from projectors.dead_letters.voids_known import VoidsUnknown
from projectors.read_models import voided
from projectors.rebuilds.row import RebuildRefused
from projectors.rebuilds.several import rebuild_all
from tests.projectors.rebuilding import quiet
from tests.projectors.tiny import Bench, received
from tests.streams.broker import delete_records


@pytest.fixture
async def parked(bench: Bench) -> Bench:
    """With a parked record at offset 1 of partition 0."""
    await bench.writer.append(0, [received("a", 1, "explode"), received("b")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    return bench


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command API has taken the drop."""

    async def taken(*args: Any) -> None:
        return None

    monkeypatch.setattr("projectors.dead_letters.drop._void", taken)


@pytest.fixture
async def cut(parked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of voids has lost its beginning."""
    topic, name = parked.projection.topic, f"{parked.projection.name}v"
    await delete_records(parked.settings, topic, {0: 2})
    gone = voided.PROJECTION._replace(name=name, topic=topic, public_schema=name)
    monkeypatch.setattr("projectors.dead_letters.voids_known.PROJECTION", gone)
    monkeypatch.setattr("projectors.dead_letters.voids_known.OPERATIONS", OPERATIONS._replace(name=topic))


async def _drop(bench: Bench, settings: Settings | None = None) -> None:
    await drop(settings or bench.settings, bench.pool, bench.redis, bench.projection, (0, 1), "for good")


@pytest.mark.usefixtures("cut")
async def test_a_rebuild_that_cannot_know_what_was_dropped_is_refused(parked: Bench) -> None:
    with pytest.raises(RebuildRefused, match="What was dropped from the others is not known"):
        await rebuild_all(parked.settings, [parked.projection], progress=quiet())


@pytest.mark.usefixtures("cut", "recorded")
async def test_a_drop_over_a_log_of_voids_that_was_cut_says_that_it_is_recorded(parked: Bench) -> None:
    with pytest.raises(VoidsUnknown, match="The drop is recorded"):
        await _drop(parked)


@pytest.mark.usefixtures("recorded")
async def test_a_drop_whose_event_was_not_applied_says_where_to_look(parked: Bench) -> None:
    with pytest.raises(VoidsUnknown, match="dlq list --projection voided"):
        await _drop(parked)


@pytest.fixture
async def proxy() -> AsyncIterator[int]:
    """The port of one that stands before a command API that is away."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_an_answer_that_is_no_problem_document_is_told_by_its_status(parked: Bench, proxy: int) -> None:
    with pytest.raises(NotVoided, match="502 Bad Gateway"):
        await _drop(parked, parked.settings.model_copy(update={"command_api_port": proxy}))
