"""One partition's rows: nothing twice, wherever a kill leaves rows ahead of the position."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from projectors.streams.pairs import Partners
from projectors.streams.shard import Shard, Trade, trade
from projectors.streams.windows import HOUR, Sold
from tests.projectors.log import NOON, cancelled, confirmed, placed

NOW = 1_800_000_000
pieces = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), min_size=1, max_size=4)
trades = st.lists(st.tuples(st.sampled_from([1, 1, -1]), pieces, st.integers(0, 40 * 24 * HOUR)), max_size=30).map(
    lambda drawn: [Trade(offset, NOW - age, sign, lines) for offset, (sign, lines, age) in enumerate(drawn)]
)


def contents(shard: Shard) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {product: row.sums(NOW) for product, row in shard.sold.items() if not row.is_empty},
        {product: row.counts for product, row in shard.partners.items() if row.counts},
    )


@given(trades, st.data())
def test_a_replay_over_rows_of_which_some_are_ahead_counts_nothing_twice(
    trades: list[Trade], data: st.DataObject
) -> None:
    whole = Shard()
    whole.apply(trades, NOW)
    cut = data.draw(st.integers(0, len(trades)))
    stored, ahead = Shard(), Shard()
    stored.apply(trades[:cut], NOW)
    ahead.apply(trades[: data.draw(st.integers(cut, len(trades)))], NOW)
    for product, sold in ahead.sold.items():
        if data.draw(st.booleans()):
            stored.sold[product] = Sold.load(orjson.loads(orjson.dumps(sold.dump())))
    for product, partners in ahead.partners.items():
        if data.draw(st.booleans()):
            stored.partners[product] = Partners.load(orjson.loads(orjson.dumps(partners.dump())))
    stored.apply(trades[cut:], NOW)
    assert contents(stored) == contents(whole)


def test_only_what_was_sold_or_taken_back_trades() -> None:
    at = int(NOON.timestamp())
    assert trade(1, confirmed("o", {"A": 2, "B": 1})) == Trade(1, at, 1, {"p-A": 2, "p-B": 1})
    assert trade(2, cancelled("o", {"A": 2})) == Trade(2, at, -1, {"p-A": 2})
    assert trade(3, cancelled("o", {})) is None
    assert trade(4, placed("o", {"A": 2})) is None


def test_history_is_paired_and_leaves_no_row_of_windows() -> None:
    shard = Shard()
    sold, paired = shard.apply([Trade(0, NOW - 31 * 24 * HOUR, 1, {"a": 1, "b": 2})], NOW)
    assert (sold, paired) == (set(), {"a", "b"})
    assert not shard.sold


def test_what_nothing_is_left_of_is_gone() -> None:
    shard = Shard()
    shard.apply([Trade(0, NOW, 1, {"a": 1}), Trade(1, NOW - 29 * 24 * HOUR, 1, {"b": 1})], NOW)
    assert shard.expire(NOW + 2 * 24 * HOUR, 2) == {"b"}
    assert set(shard.sold) == {"a"}


def test_a_row_that_came_down_to_nothing_is_gone_only_once_its_last_trade_is_stored() -> None:
    trades = [Trade(0, NOW, 1, {"a": 2}), Trade(1, NOW, -1, {"a": 2})]
    stored, live = Shard(), Shard()
    stored.apply(trades[:1], NOW)
    live.apply(trades, NOW)
    for product in live.expire(NOW, 1):  # a kill keeps the removal, and not the position behind it
        del stored.sold[product]
    stored.apply(trades[1:], NOW)
    assert contents(stored) == contents(live)
    assert live.expire(NOW, 2) == {"a"}
