"""Windows against a naive sum over all that was sold."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from projectors.streams.windows import HOUR, MINUTE, WINDOWS, Sold, Window, since

START = 1_800_000_000
"""A second in 2027."""
times = st.integers(START - 40 * 24 * HOUR, START + 3 * 24 * HOUR)
sales = st.tuples(st.just("sale"), times, st.integers(-20, 20))
waits = st.tuples(
    st.just("wait"), st.sampled_from([1, 59, MINUTE, HOUR - 1, HOUR, 25 * HOUR, 31 * 24 * HOUR]), st.just(0)
)
stories = st.lists(sales | waits | st.tuples(st.sampled_from(["expire", "store"]), st.just(0), st.just(0)), max_size=40)


def naive(told: list[tuple[int, int]], window: Window, now: int) -> int:
    end = (now // window.unit + 1) * window.unit
    return sum(quantity for at, quantity in told if since(window, now) <= at < end)


@given(stories)
def test_windows_equal_a_naive_sum_at_any_time_whenever_buckets_are_forgotten_or_stored(
    story: list[tuple[str, int, int]],
) -> None:
    row, now, told = Sold(), START, list[tuple[int, int]]()
    for act, number, quantity in story:
        if act == "sale":
            row.add(number, quantity, now)
            told.append((number, quantity))
        elif act == "wait":
            now += number
        elif act == "expire":
            row.expire(now)
        else:
            row = Sold.load(stored(row.dump()))
        assert row.sums(now) == {window.name: naive(told, window, now) for window in WINDOWS}


def stored(dumped: list[Any]) -> Any:
    return orjson.loads(orjson.dumps(dumped))


def test_a_window_reaches_back_as_long_as_it_says_and_at_most_one_bucket_longer() -> None:
    for window in WINDOWS:
        for now in range(START, START + 2 * window.unit, 7):
            assert window.unit * window.buckets <= now - since(window, now) < window.unit * (window.buckets + 1)


def test_a_sale_of_ten_minutes_ago_is_in_every_window_and_one_of_two_days_ago_in_the_longer_ones() -> None:
    row = Sold()
    row.add(START - 600, 3, START)
    row.add(START - 48 * HOUR, 5, START)
    assert row.sums(START) == {"1h": 3, "24h": 3, "7d": 8, "30d": 8}


def test_a_sale_taken_back_leaves_nothing() -> None:
    row = Sold()
    row.add(START - 600, 3, START)
    row.add(START - 600, -3, START + 60)
    assert row.is_empty
    assert row.sums(START) == {"1h": 0, "24h": 0, "7d": 0, "30d": 0}


def test_a_sale_of_tomorrow_counts_tomorrow() -> None:
    row = Sold()
    row.add(START + 24 * HOUR, 4, START)
    assert set(row.sums(START).values()) == {0}
    row.expire(START)
    assert set(row.sums(START + 24 * HOUR).values()) == {4}


def test_a_row_keeps_no_more_buckets_than_the_windows_reach() -> None:
    row, now = Sold(), START
    for _ in range(40 * 24 * 4):
        row.add(now, 1, now)
        now += 15 * MINUTE
        row.expire(now)
    assert len(row.minutes) <= 61
    assert len(row.hours) == 30 * 24
    row.expire(now + 31 * 24 * HOUR)
    assert row.is_empty
