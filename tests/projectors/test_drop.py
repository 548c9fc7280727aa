"""A parked record that is given up never happened to its projection: live, for what waits for it, and in rebuilds."""

import asyncio
from typing import Any, cast

import orjson
import pytest
from structlog.testing import capture_logs

from event_schemas.topics import OPERATIONS
from infra.settings import Settings
from projectors.dead_letters.listing import dropped_letters
from projectors.dead_letters.redrive import portion_of
from projectors.dead_letters.void_effect import take_effect
from projectors.dead_letters.voids_known import VoidsUnknown, voids_known
from projectors.engine.projecting import project
from projectors.read_models import voided
from projectors.rebuilds.compare import Different
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.several import rebuild_all
from projectors.stores.connect import connect_postgres
from tests.projectors.rebuilding import quiet, rebuild
from tests.projectors.tiny import Bench, received, tiny
from tests.streams.broker import delete_records
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


async def _apply_all(bench: Bench) -> None:
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))


async def _take_effect(bench: Bench) -> None:
    await take_effect(bench.pool, bench.redis, [bench.projection])


async def _audit(bench: Bench) -> list[tuple[str, str, Any]]:
    rows = await bench.pool.fetch(
        "SELECT actor, action, outcome FROM stockroom.audit WHERE projection = $1 ORDER BY id", bench.projection.name
    )
    return [(row["actor"], row["action"], orjson.loads(row["outcome"])) for row in rows]


def _dying_after(calls: int, function: Any) -> Any:
    """The function, which is killed when it is called once more."""
    left = iter(range(calls))

    def call(*args: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return function(*args)

    return call


@both_stores
async def test_a_dropped_record_goes_and_what_queued_behind_it_is_applied_in_order(bench: Bench) -> None:
    await bench.writer.append(
        0, [received("a", 1, "explode"), received("a", 2), received("b", 1, "explode"), received("a", 3), received("c")]
    )
    await _apply_all(bench)
    await bench.void((0, 1), reason="a test")
    await _take_effect(bench)
    assert await bench.totals() == {"a": 5, "c": 1}
    assert await bench.parked() == [("b", 3, "apply_failed")]
    drop = ("staff:test", "drop", {"offset": 1, "reason": "a test"})
    done = ("system:projectors", "retry", {"dropped": [1], "applied": [2, 4], "failed": {}})
    assert sorted(await _audit(bench), key=lambda row: row[1]) == [drop, done]
    (dropped,) = [one async for one in dropped_letters(bench.pool, bench.projection)]
    assert dropped.described().items() >= {"place": f"{bench.projection.topic}/0@1", "reason": "a test"}.items()
    await bench.writer.append(0, [received("a", 7)])
    await _apply_all(bench)
    assert await bench.totals() == {"a": 12, "c": 1}


@both_stores
async def test_a_drop_behind_the_first_of_its_key_leaves_that_parked(bench: Bench) -> None:
    await bench.writer.append(1, [received("a", 1, "explode"), received("a", 2), received("a", 5_000)])
    await _apply_all(bench)
    await bench.void((1, 2))
    await _take_effect(bench)
    assert await bench.parked() == [("a", 1, "apply_failed"), ("a", 3, "queued_behind")]
    assert await bench.totals() == {}


@both_stores
async def test_to_let_it_take_effect_again_changes_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("b", 5_000)])
    await _apply_all(bench)
    await bench.void((0, 1), (0, 77))
    await asyncio.gather(*(_take_effect(bench) for _ in range(3)))
    before = await _audit(bench)
    await _take_effect(bench)
    assert await _audit(bench) == before
    assert [action for _, action, _ in before].count("drop") == 1
    assert await bench.parked() == [("b", 2, "apply_failed")]


@pytest.mark.parametrize("store", ["redis"])
async def test_a_drop_in_redis_is_in_the_audit_as_soon_as_the_record_is_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    await bench.void((0, 1), reason="a test")

    monkeypatch.setattr("projectors.dead_letters.redrive_redis.portion_of", _dying_after(1, portion_of))
    with pytest.raises(KeyboardInterrupt):
        await _take_effect(bench)
    assert await bench.parked() == []
    assert ("staff:test", "drop", {"offset": 1, "reason": "a test"}) in await _audit(bench)


@both_stores
async def test_a_rebuild_over_dropped_records_is_as_live_and_need_not_be_accepted(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2), received("b"), received("a", 5_000)])
    await bench.writer.append(2, [received("c", 3), received("c", 4, "explode"), received("c", 5)])
    await _apply_all(bench)
    await bench.void((0, 1), (2, 2))
    await _take_effect(bench)
    live = {"a": 2, "b": 1, "c": 8}
    assert await bench.totals() == live
    await rebuild(bench)
    assert await bench.totals() == live
    assert [one.parked.at for one in await bench.dead_letters()] == [(0, 4)]
    await bench.writer.append(2, [received("c", 1)])
    await _apply_all(bench)
    assert await bench.totals() == {**live, "c": 9}


async def test_a_record_dropped_for_one_projection_reaches_the_other_that_is_filled_from_the_same_reading(
    bench: Bench, unique: str
) -> None:
    await bench.writer.append(0, [received("a", 1), received("b", 2)])
    await bench.void((0, 1))
    other = tiny(f"{unique}r", "redis", bench.projection.topic)
    await rebuild_all(bench.settings, [bench.projection, other], progress=quiet())
    assert await bench.totals() == {"b": 2}
    assert await Bench(bench.settings, bench.pool, bench.redis, other, bench.writer).totals() == {"a": 1, "b": 2}


@both_stores
async def test_code_that_could_apply_a_dropped_record_does_not(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    await bench.void((0, 1))
    await _take_effect(bench)
    apply = cast(Any, bench.projection.apply)
    bench.projection = bench.projection._replace(
        apply=lambda events: apply(
            [one._replace(event=cast(Any, one.event).model_copy(update={"reference": None})) for one in events]
        )
    )
    await rebuild(bench)
    assert await bench.totals() == {"a": 2}


@both_stores
async def test_a_void_of_what_was_applied_already_is_a_difference_that_a_rebuild_tells(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1), received("a", 2)])
    await _apply_all(bench)
    await bench.void((0, 1))
    await _take_effect(bench)
    with pytest.raises(Different):
        await rebuild(bench)
    assert await bench.totals() == {"a": 3}
    await rebuild(bench, options=RebuildOptions(accept=True))
    assert await bench.totals() == {"a": 2}


@both_stores
async def test_drops_beside_a_busy_worker_strand_no_key(bench: Bench) -> None:
    rounds = 30
    async with bench.working():
        for number in range(rounds):
            await bench.writer.append(0, [received("a"), received("p", 1, "explode"), received("p"), received("p")])
            await bench.void((0, 2 + 4 * number))
            await _take_effect(bench)
        await bench.until_totals_after(lambda: _take_effect(bench), {"a": rounds, "p": 2 * rounds})
    assert await bench.parked() == []


@pytest.mark.parametrize("store", ["postgres"])
async def test_a_log_of_voids_that_was_cut_stops_no_other_projection(
    bench: Bench, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a"), received("a")])
    await _apply_all(bench)
    topic, name = bench.projection.topic, f"{bench.projection.name}v"
    await delete_records(settings, topic, {0: 2})
    cut = voided.PROJECTION._replace(name=name, topic=topic, public_schema=name)
    monkeypatch.setattr("projectors.dead_letters.voids_known.PROJECTION", cut)
    monkeypatch.setattr("projectors.dead_letters.voids_known.OPERATIONS", OPERATIONS._replace(name=topic))
    async with running(project(settings, bench.engine())):
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 3})


@pytest.mark.parametrize("store", ["redis"])
async def test_what_redis_has_parked_waits_until_a_new_database_knows_the_projection(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    await bench.void((0, 1))
    await bench.pool.execute("DELETE FROM stockroom.projections WHERE name = $1", bench.projection.name)
    await _take_effect(bench)
    assert len(await bench.parked()) == 2
    await bench.worker()
    await _take_effect(bench)
    assert (await bench.parked(), await bench.totals()) == ([], {"a": 2})


async def test_what_was_given_up_is_waited_for_with_patience_and_the_end_says_what_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projectors.dead_letters.voids_known.SAY_SECONDS", 0.2)
    with capture_logs() as told, pytest.raises(VoidsUnknown, match=r"waited 1 s for Kafka \(KafkaConnectionError"):
        await voids_known("127.0.0.1:1", bench.pool, 1.0)
    assert any("Kafka" in one.get("waits_for", "") for one in told)
    nowhere = bench.settings.model_copy(update={"postgres_dsn": "postgresql://nobody@127.0.0.1:1/none"})
    async with connect_postgres(nowhere) as away:
        with pytest.raises(VoidsUnknown, match=r"waited 3 s for PostgreSQL \("):
            await voids_known(bench.settings.bootstrap_servers, away, 3.0)
