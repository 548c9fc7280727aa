"""What a shard stores is what another worker has of it."""

import orjson

from event_schemas.holder import Holder
from infra.log_batch import Position
from projectors.streams.rows import changed, load
from projectors.streams.shard import Shard


def stood() -> Shard:
    shard = Shard()
    shard.position, shard.appended_ms, shard.void = Position(17, Holder(3, "w")), 1_800_000_000_000, 2
    return shard


def test_a_position_comes_back_with_what_was_passed_over_before_it() -> None:
    shard, loaded = stood(), dict[int, Shard]()
    shard.pass_over(12)
    shard.pass_over(16)
    load({row.key: row.value for row in changed(4, shard, (), ()) if row.value}, loaded)
    found = loaded[4]
    assert (found.position, found.appended_ms, found.void) == (shard.position, shard.appended_ms, 2)
    assert (found.undecodable, found.undecodable_at) == (2, 16)


def test_a_position_with_nothing_passed_over_is_as_releases_of_before_these_were_counted_store_and_read_it() -> None:
    (row,), loaded = changed(4, stood(), (), ()), dict[int, Shard]()
    assert row.value
    assert orjson.loads(row.value) == [17, 3, "w", 1_800_000_000_000, 2]
    load({row.key: row.value}, loaded)
    assert (loaded[4].position, loaded[4].undecodable, loaded[4].undecodable_at) == (stood().position, 0, None)
