"""For how long a partition of the streams is behind."""

from event_schemas.holder import NOBODY
from infra.log_batch import Position
from projectors.streams.behind import Behind
from projectors.streams.shard import Shard

NOW = 1_800_000_000.0


def stands(next_offset: int, appended_at: float) -> dict[int, Shard]:
    shard = Shard()
    shard.position, shard.appended_ms = Position(next_offset, NOBODY), int(appended_at * 1000)
    return {0: shard}


def test_one_that_keeps_up_is_as_far_behind_as_what_it_applied_last_though_each_look_finds_something_unread() -> None:
    behind = Behind()
    for second in range(3600):
        at = NOW + second
        since = behind.look(stands(10 * second, at - 0.2), {0: 10 * second + 2}, at)
    assert since == {0: NOW + 3599 - 0.2}


def test_one_that_stands_still_is_behind_since_it_was_first_seen_so_and_not_since_a_record_of_long_ago() -> None:
    behind = Behind()
    behind.look(stands(5, NOW - 86_400), {0: 5}, NOW)
    for second in range(1, 60):
        since = behind.look(stands(5, NOW - 86_400), {0: 6}, NOW + second)
    assert since == {0: NOW + 1}


def test_one_that_reads_what_came_long_ago_is_behind_for_so_long() -> None:
    behind = Behind()
    behind.look(stands(0, 0), {0: 1_000}, NOW)
    assert behind.look(stands(500, NOW - 3_600), {0: 1_000}, NOW + 1) == {0: NOW - 3_600}
    assert behind.look(stands(500, NOW - 3_600), {0: 1_000}, NOW + 2) == {0: NOW - 3_600}


def test_what_was_caught_up_or_given_away_is_behind_no_longer() -> None:
    behind = Behind()
    assert behind.look(stands(5, NOW), {0: 6}, NOW) == {0: NOW}
    assert behind.look(stands(6, NOW), {0: 6}, NOW + 1) == {}
    assert behind.look(stands(6, NOW), {0: 7}, NOW + 2) == {0: NOW + 2}
    assert behind.look({}, {0: 7}, NOW + 3) == {}
    assert behind.look(stands(6, NOW), {0: 7}, NOW + 9) == {0: NOW + 9}
