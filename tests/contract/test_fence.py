"""The fence over each log, in memory and on real Kafka."""

import asyncio

import pytest

from command_api.fence.fence import ClaimUntimely, Deposed, Fence, Trespass, beat
from command_api.fence.log import OutcomeUnknown
from event_schemas.holder import Holder
from infra.log_batch import LogTruncated
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.place import OpenLog, Place, event, fence, read
from tests.support.poll import until


async def test_reading_from_a_record_that_was_deleted_is_refused(place: Place) -> None:
    log = place.connect()
    await log.append([event(Holder(1, "w"), str(number)) for number in range(5)])
    await place.trouble.forget(3)
    assert [record.value for record in await read(log, 3, 2)] == [b"3", b"4"]
    with pytest.raises(LogTruncated):
        await read(log, 2, 1)
    with pytest.raises(LogTruncated):
        await fence(place.connect())[0].claim()


async def test_a_writer_whose_acknowledged_records_are_gone_stops(place: Place) -> None:
    writer, _ = fence(place.connect())
    await writer.claim()
    await writer.append([event(writer.holder, "a"), event(writer.holder, "b")])
    await place.trouble.begin_anew()

    async def go_on() -> str:
        try:
            if not writer.holds:
                await writer.claim()
            await writer.append([event(writer.holder, "c")])
        except (OutcomeUnknown, LogTruncated) as error:
            return type(error).__name__
        return "appended"

    assert await until(go_on, lambda outcome: outcome not in {"OutcomeUnknown", "LogAway"}) == "LogTruncated"


async def test_a_claim_folds_all_that_counted_before_it(open_log: OpenLog) -> None:
    first, _ = fence(open_log())
    await first.claim()
    await first.append([event(first.holder, "a"), event(first.holder, "b")])
    second, history = fence(open_log())
    await second.claim()
    assert history == ["a", "b"]
    assert second.holder.epoch == first.holder.epoch + 1


async def test_a_deposed_writer_learns_it_and_what_it_appended_never_happened(open_log: OpenLog) -> None:
    old, _ = fence(open_log())
    await old.claim()
    new, _ = fence(open_log())
    await new.claim()
    with pytest.raises(Deposed):
        await old.append([event(old.holder, "void")])
    assert not old.holds
    await new.append([event(new.holder, "counts")])
    reader, history = fence(open_log())
    await reader.claim()
    assert history == ["counts"]


async def test_records_of_an_outdated_writer_in_between_change_nothing(open_log: OpenLog) -> None:
    old, _ = fence(open_log())
    await old.claim()
    outdated = old.holder
    new, _ = fence(open_log())
    await new.claim()
    await open_log().append([event(outdated, "void"), event(outdated, "void too")])
    base = await new.append([event(new.holder, "counts")])
    assert base == new.position.next_offset - 1
    await old.claim()
    reader, history = fence(open_log())
    await reader.claim()
    assert history == ["counts"]


async def test_a_beat_proves_the_hold_and_is_no_event(open_log: OpenLog) -> None:
    writer, _ = fence(open_log())
    await writer.claim()
    await writer.append([beat(writer.holder)])
    assert writer.holds
    reader, history = fence(open_log())
    await reader.claim()
    assert history == []


async def test_a_record_forged_under_a_claim_is_noticed_and_the_next_claim_fences_its_writer_out(
    open_log: OpenLog,
) -> None:
    writer, history = fence(open_log())
    await writer.claim()
    stolen = writer.holder
    await open_log().append([event(stolen, "forged")])
    with pytest.raises(Trespass):
        await writer.append([event(stolen, "ours")])
    await writer.claim()
    assert history == ["forged", "ours"], "both count, for every reader"
    await open_log().append([event(stolen, "forged again")])
    await writer.append([event(writer.holder, "later")])
    reader, seen = fence(open_log())
    await reader.claim()
    assert seen == ["forged", "ours", "later"]


async def test_of_two_that_claim_at_once_one_holds_and_the_other_learns_it(open_log: OpenLog) -> None:
    fences = [fence(open_log())[0] for _ in range(2)]
    await asyncio.gather(*(one.claim() for one in fences))
    outcomes = await asyncio.gather(
        *(one.append([event(one.holder, str(number))]) for number, one in enumerate(fences)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Deposed", "int"]
    reader, history = fence(open_log())
    await reader.claim()
    assert history == [str(number) for number, outcome in enumerate(outcomes) if isinstance(outcome, int)]


async def test_a_lost_request_is_an_unknown_outcome_and_never_happened_if_it_lands_after_the_next_claim(
    place: Place,
) -> None:
    writer, _ = fence(place.connect())
    await writer.claim()
    place.trouble.lose("request")
    with pytest.raises(OutcomeUnknown):
        await writer.append([event(writer.holder, "late")])
    assert not writer.holds
    await writer.claim()
    await place.trouble.arrive()
    base = await writer.append([event(writer.holder, "counts")])
    assert [record.value for record in await read(place.connect(), base - 1, 2)] == [b"late", b"counts"]
    reader, history = fence(place.connect())
    await reader.claim()
    assert history == ["counts"]


async def test_a_lost_request_that_lands_before_the_next_claim_has_happened(place: Place) -> None:
    writer, history = fence(place.connect())
    await writer.claim()
    place.trouble.lose("request")
    with pytest.raises(OutcomeUnknown):
        await writer.append([event(writer.holder, "late")])
    await place.trouble.arrive()
    await writer.claim()
    assert history == ["late"]


async def test_a_batch_whose_answer_was_lost_is_there_once_though_its_sender_repeats_it(place: Place) -> None:
    writer, history = fence(place.connect())
    await writer.claim()
    place.trouble.lose("answer")
    with pytest.raises(OutcomeUnknown):
        await writer.append([event(writer.holder, "a"), event(writer.holder, "b")])
    await place.trouble.arrive()
    await writer.claim()
    assert history == ["a", "b"]


async def test_a_claim_that_was_lost_and_lands_late_deposes_nobody(place: Place) -> None:
    writer, other = fence(place.connect())[0], fence(place.connect())[0]
    await other.claim()
    await other.append([event(other.holder, "a")])
    place.trouble.lose("request")
    with pytest.raises(OutcomeUnknown):
        await writer.claim()
    assert not writer.holds
    await writer.claim()
    await place.trouble.arrive()
    await writer.append([event(writer.holder, "b")])
    assert writer.holds


async def test_who_may_not_claim_reads_nothing_for_it() -> None:
    class Untouched(MemoryLog):
        async def end(self) -> int:
            raise AssertionError("read")

    with pytest.raises(ClaimUntimely):
        await Fence(Untouched(SharedLog()), lambda record: None, may_claim=lambda: False).claim()
