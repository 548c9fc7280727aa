"""A writer that begins with a snapshot knows what one that has read the whole log knows."""

import asyncio
import copy
import random
from collections import Counter
from collections.abc import Collection

import pytest

from command_api.fence import log_stream
from command_api.fence.fence import Fence
from command_api.refusals import KeyReused, LogStopped, Quarantined, VersionConflict
from command_api.snapshots.snapshot import Base, Kept, Place, SnapshotAway
from command_api.writer import cold_loads
from command_api.writer.keepers import Keepers
from command_api.writer.saver import Pace
from domain.stock_commands import AdjustStock
from event_schemas.stock import AdjustmentReason
from infra.http.problems import DependencyUnavailable
from tests.command_api.snapshots.owners import Owner, Partition
from tests.contract.memory_log import MemoryLog
from tests.contract.memory_snapshots import MemorySnapshots, SharedSnapshots
from tests.support.poll import until

SKUS = [f"A{number}" for number in range(40)]


@pytest.fixture
async def partition() -> Partition:
    """A partition with 40 SKUs, received under keys of the same names, whose owner has left properly."""
    made = Partition()
    async with made.owner() as owner:
        await asyncio.gather(*(owner.receive(sku, 5) for sku in SKUS))
    assert len(made.stored.rows["memory", 0]) == 40
    return made


async def test_a_take_over_reads_only_what_came_after_the_snapshot(partition: Partition) -> None:
    async with partition.owner() as owner:
        await owner.receive("NEW")
        assert owner.log.read_records <= 3
        assert len(partition.shared.records) > 40


async def test_an_aggregate_of_the_snapshot_goes_on_where_it_stood(partition: Partition) -> None:
    async with partition.owner() as owner:
        answer = await owner.receive("A7", 3, key="another")
        assert (answer.version, answer.state.level("MAIN").on_hand) == (2, 8)
        with pytest.raises(VersionConflict, match="The version is 1, not 4"):
            await owner.do(AdjustStock(sku="A8", delta=1, reason=AdjustmentReason.CORRECTION), "k", version=4)


async def test_commands_of_one_aggregate_keep_their_order_while_it_is_loaded(partition: Partition) -> None:
    async with partition.owner() as owner:
        answers = await asyncio.gather(*(owner.receive("A7", 1, key=f"k{number}") for number in range(30)))
        assert [answer.version for answer in answers] == list(range(2, 32))
        assert partition.stored.loads == 1


async def test_keys_are_known_after_a_take_over(partition: Partition) -> None:
    async with partition.owner() as owner:
        again = await owner.receive("A7", 5)
        assert (again.replayed, again.version) == (True, 1)
        with pytest.raises(KeyReused):
            await owner.do(AdjustStock(sku="A7", delta=1, reason=AdjustmentReason.CORRECTION), "A7", fingerprint="g")


async def test_the_command_that_an_aggregate_began_with_is_known_without_its_key(partition: Partition) -> None:
    partition.stored.keys["memory", 0].clear()
    async with partition.owner() as owner:
        again = await owner.receive("A7", 5)
        assert (again.replayed, again.version) == (True, 1)


async def test_a_crash_after_the_snapshot_loses_nothing(partition: Partition) -> None:
    async with partition.owner() as owner:
        await owner.receive("A7", 3, key="k1")
        await owner.receive("NEW", 2)
        await owner.kill()
    async with partition.owner() as owner:
        assert (await owner.receive("A7", 3, key="k1")).replayed
        assert (await owner.receive("A7", 1, key="k2")).state.level("MAIN").on_hand == 9
        assert (await owner.receive("NEW", 1, key="k3")).state.level("MAIN").on_hand == 3


async def test_while_the_store_is_away_only_what_must_be_loaded_is_refused(partition: Partition) -> None:
    async with partition.owner() as owner:
        await owner.receive("A1", 1, key="k1")
        partition.stored.away = True
        with pytest.raises(DependencyUnavailable, match="PostgreSQL"):
            await owner.receive("A7", 1, key="k2")
        assert (await owner.receive("A1", 1, key="k3")).version == 3
        assert (await owner.receive("NEW")).version == 1
        partition.stored.away = False
        assert (await owner.receive("A7", 1, key="k2")).version == 2


async def test_a_take_over_without_the_store_reads_the_whole_log_and_throws_the_snapshot_away(
    partition: Partition,
) -> None:
    partition.stored.away = True
    async with partition.owner(seconds=0.0) as owner:
        assert (await owner.receive("A7", 1, key="k1")).version == 2
        assert owner.log.read_records > 40
        assert "PostgreSQL" not in owner.writer.trouble
        assert "no snapshots" in owner.writer.trouble
        partition.stored.away = False
        saves = partition.stored.saves
        await owner.receive("A8", 1, key="k2")
        await partition.saved(owner, saves + 1)

        async def trouble() -> str:
            return owner.writer.trouble

        await until(trouble, lambda found: found == "")
    async with partition.owner() as owner:
        assert (await owner.receive("A7", 1, key="k3")).version == 3
        assert (await owner.receive("A9", 1, key="k4")).version == 2


@pytest.mark.parametrize("damage", ["missing", "unreadable", "older"])
async def test_a_wrong_row_costs_a_reading_of_the_log(partition: Partition, damage: str) -> None:
    rows = partition.stored.rows["memory", 0]
    async with partition.owner() as owner:
        await owner.receive("A7", 1, key="k1")
        await owner.kill()
    match damage:
        case "missing":
            del rows["A7"], rows["A8"]
        case "unreadable":
            rows["A7"] = rows["A8"] = rows["A8"]._replace(state=b"[[],null]")
        case "older":
            rows["A7"] = rows["A7"]._replace(version=0)
    async with partition.owner() as owner:
        assert (await owner.receive("A7", 1, key="k2")).state.level("MAIN").on_hand == 7
        assert (await owner.receive("A8", 1, key="k3")).state.level("MAIN").on_hand == 6
        assert owner.log.read_records > 40
    assert rows is not partition.stored.rows["memory", 0]


async def test_a_log_that_is_not_the_one_of_the_snapshot_stops_the_partition(partition: Partition) -> None:
    del partition.shared.records[20:]
    async with partition.owner() as owner:
        with pytest.raises(LogStopped) as stopped:
            await owner.receive("A7")
        assert stopped.value.code == "log_truncated"


async def test_a_log_that_ends_just_before_the_last_record_of_the_snapshot_stops_the_partition(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "SILENT_SECONDS", 0.1)
    del partition.shared.records[partition.stored.marks["memory", 0][1].position.next_offset - 1 :]
    async with partition.owner() as owner:
        with pytest.raises(LogStopped, match="is the end; known history reaches further"):
            await owner.receive("A7")


async def test_a_log_that_was_written_anew_stops_the_partition(partition: Partition) -> None:
    position = partition.stored.marks["memory", 0][1].position.next_offset
    last = partition.shared.records[position - 1]
    headers = [(name, b"other" if name == "ce_id" else value) for name, value in last.headers]
    partition.shared.records[position - 1] = last._replace(headers=headers)
    async with partition.owner() as owner:
        with pytest.raises(LogStopped, match="is not the record that was there"):
            await owner.receive("A7")


async def test_a_writer_whose_snapshot_was_moved_by_another_begins_again(partition: Partition) -> None:
    async with partition.owner() as outdated:
        await outdated.receive("A1", 1, key="k1")
        async with partition.owner() as owner:
            await owner.receive("A7", 1, key="k2")
        # It still believes that it holds; it could not know of what the other has done.
        answer = await outdated.receive("A7", 1, key="k3")
        assert (answer.version, answer.state.level("MAIN").on_hand) == (3, 7)
        assert (await outdated.receive("A7", 1, key="k2")).replayed


async def test_memory_holds_no_more_than_it_may_and_still_knows_everything() -> None:
    partition = Partition()
    async with partition.owner(seconds=0.0, most_cached=10) as owner:
        for number in range(60):
            await owner.receive(f"B{number}", 1)
        await partition.saved(owner, 1)

        async def held() -> int:
            owner.writer.tick()
            memory = owner.writer._memory
            return sum(memory.find(f"B{number}") is not None for number in range(60))

        await until(held, lambda found: found <= 10)
        answers = await asyncio.gather(*(owner.receive(f"B{number}", 1, key=f"k{number}") for number in range(60)))
        assert {answer.version for answer in answers} == {2}


async def test_reading_a_long_log_spills_into_the_snapshot_on_the_way() -> None:
    partition = Partition()
    async with partition.owner() as owner:
        for _ in range(3):
            await asyncio.gather(*(owner.receive(f"B{n}", 1, key=f"B{n}-{_}") for n in range(200)))
        partition.stored.away = True
    partition.stored.away = False
    async with partition.owner(records=20, most_cached=10) as owner:
        answers = await asyncio.gather(*(owner.receive(f"B{n}", 1, key=f"k{n}") for n in range(200)))
        assert {answer.version for answer in answers} == {4}
        assert partition.stored.saves >= 3
        assert partition.stored.loads >= 1


async def test_a_quarantined_aggregate_stays_so_when_its_event_lies_before_the_snapshot(partition: Partition) -> None:
    fence = Fence(MemoryLog(partition.shared), lambda record: None)
    await fence.claim()
    poison = next(record for record in partition.shared.records if record.key == b"A7")
    names = {"ce_writer": fence.holder.writer.encode(), "ce_epoch": b"%d" % fence.holder.epoch}
    headers = [(name, names.get(name, value)) for name, value in poison.headers]
    partition.shared.records.append(poison._replace(offset=len(partition.shared.records), value=b"{", headers=headers))
    async with partition.owner() as owner:
        await owner.receive("A1", 1, key="k1")
    async with partition.owner() as owner:
        with pytest.raises(Quarantined):
            await owner.receive("A7", 1, key="k2")
        assert "1 aggregates quarantined: A7 at " in owner.writer.trouble
        assert owner.log.read_records <= 3


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_to_snapshots_every_answer_is_what_the_log_says(seed: int) -> None:
    rng = random.Random(seed)
    partition, received, count = Partition(), Counter[str](), 0
    for _ in range(6):
        options = {"seconds": rng.choice([0.0, 3600]), "records": rng.choice([1, 10, 1000])}
        async with partition.owner(**options, most_cached=rng.choice([0, 3, 100])) as owner:
            for _ in range(rng.randrange(1, 8)):
                partition.stored.away = rng.random() < 0.2
                wanted = rng.choices(SKUS, k=rng.randrange(1, 30))
                keys = [f"k{count + number}" for number in range(len(wanted))]
                count += len(wanted)
                answers = await asyncio.gather(
                    *(owner.receive(sku, 1, key=key) for sku, key in zip(wanted, keys, strict=True)),
                    return_exceptions=True,
                )
                for sku, answer in zip(wanted, answers, strict=True):
                    if isinstance(answer, DependencyUnavailable):
                        assert partition.stored.away
                        continue
                    assert not isinstance(answer, BaseException), answer
                    received[sku] += 1
                    assert (answer.version, answer.state.level("MAIN").on_hand) == (received[sku], received[sku])
                owner.writer.tick()
            match rng.randrange(4):
                case 0:
                    await owner.kill()
                case 1 if rows := partition.stored.rows.get(("memory", 0), {}):
                    rows.pop(rng.choice(sorted(rows)), None)
        partition.stored.away = False
    async with partition.owner() as owner:
        answers = await asyncio.gather(*(owner.receive(sku, 1, key=f"last {sku}") for sku in SKUS))
    assert {answer.subject: answer.version - 1 for answer in answers} == {sku: received[sku] for sku in SKUS}


async def test_a_writer_deposed_while_the_store_is_away_goes_on_and_loses_nothing_of_the_snapshot(
    partition: Partition,
) -> None:
    async with partition.owner(seconds=0.0) as owner:
        await owner.receive("A1", 1, key="k1")
        partition.stored.away = True
        await Fence(MemoryLog(partition.shared), lambda record: None).claim()
        assert (await owner.receive("A1", 1, key="k2")).version == 3
        assert (await owner.receive("NEW", 1, key="k3")).version == 1
        saves, partition.stored.away = partition.stored.saves, False
        assert (await owner.receive("A7", 1, key="k4")).version == 2
        await partition.saved(owner, saves + 1)
        await owner.kill()
    assert len(partition.stored.known["memory", 0]) == 41
    async with partition.owner() as owner:
        assert (await owner.receive("A8", 1, key="k5")).version == 2
        assert (await owner.receive("NEW", 1, key="k6")).version == 2


async def test_a_writer_at_rest_finds_out_that_its_snapshot_was_moved(partition: Partition) -> None:
    async with partition.owner() as outdated:
        await outdated.receive("A1", 1, key="k1")
        async with partition.owner() as owner:
            await owner.receive("A7", 1, key="k2")
        outdated.writer._keeper._deadlines._next = None  # as minutes later

        async def claiming() -> bool:
            outdated.writer.tick()
            return outdated.writer.claiming

        await until(claiming, bool)
        assert (await outdated.receive("A7", 1, key="k3")).version == 3


async def test_nothing_is_saved_while_a_writer_goes_back_to_an_older_snapshot(partition: Partition) -> None:
    older = copy.deepcopy(vars(partition.stored))
    async with partition.owner(seconds=0.0) as owner:
        await owner.receive("A1", 1, key="k1")
        while partition.stored.rows["memory", 0]["A1"].version < 2:
            owner.writer.tick()
            await asyncio.sleep(0)
        vars(partition.stored).update(older)  # as a database that has lost its newest commits in a crash
        lost = asyncio.create_task(owner.receive("A7", 1, key="k2"))
        while partition.stored.saves == older["saves"]:
            owner.writer.tick()
            await asyncio.sleep(0)
        assert partition.stored.rows["memory", 0]["A1"].version == 2
        assert (await lost).version == 2


class SlowLoads(MemorySnapshots):
    """A store whose loads take some turns, and that tells when the first is done."""

    def __init__(self, shared: SharedSnapshots) -> None:
        super().__init__(shared)
        self.has_loaded = asyncio.Event()

    async def load(self, place: Place, subjects: Collection[str]) -> dict[str, Kept]:
        for _ in range(20):
            await asyncio.sleep(0)
        self.has_loaded.set()
        return await super().load(place, subjects)


async def test_no_command_overtakes_one_of_its_aggregate_that_waits_for_others_to_be_loaded(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_loads, "MOST_AT_ONCE", 5)
    store = SlowLoads(partition.stored)
    owner = Owner(partition.shared, Keepers(store, "memory", Pace(3600, 1_000_000), 1_000))
    first = [asyncio.create_task(owner.receive(sku, 1, key=f"first {sku}")) for sku in SKUS]
    await store.has_loaded.wait()
    later = [asyncio.create_task(owner.receive(sku, 1, key=f"later {sku}")) for sku in SKUS[:5]]
    assert [(await answer).version for answer in (*first, *later)] == [2] * 40 + [3] * 5
    await owner.stop()


class AwayAtFirst(MemorySnapshots):
    """A store that is away when it is first asked for a snapshot."""

    asked = 0

    async def begin(self, place: Place, *, keys_since_ms: int, most_keys: int) -> Base | None:
        self.asked += 1
        if self.asked <= 2:
            raise SnapshotAway("it is away for a moment")
        return await super().begin(place, keys_since_ms=keys_since_ms, most_keys=most_keys)


async def test_a_store_that_is_away_for_a_moment_does_not_cost_a_reading_of_the_whole_log(partition: Partition) -> None:
    store = AwayAtFirst(partition.stored)
    owner = Owner(partition.shared, Keepers(store, "memory", Pace(3600, 1_000_000), 1_000))
    assert (await owner.receive("A7", 3, key="k1")).version == 2
    assert owner.log.read_records <= 3
    await owner.stop()
