"""The short form of `./stockroom bench queries` on servers and processes of its own, and how its figures are made."""

import os
from unittest.mock import patch

import pytest

from benchmarks.figures import Section
from benchmarks.load.measured import Measured
from benchmarks.queries import measure
from benchmarks.queries_extent import SHORT
from benchmarks.queries_products import Shelf
from benchmarks.queries_searches import searches_of
from benchmarks.queries_sections import Loaded, Pair
from benchmarks.queries_stage import rows_of
from tests.support.figures import figures, number


@pytest.fixture(scope="module")
async def sections() -> list[Section]:
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        return await measure(SHORT)


@pytest.mark.parametrize("what", ["order by id", "top sellers"])
def test_both_are_loaded_in_every_round_and_their_ratio_has_a_target(sections: list[Section], what: str) -> None:
    found = figures(sections, what)
    for name in ("query API", "peer"):
        assert len(str(found[f"{name}: requests a second by round"].value).split(" / ")) == SHORT.rounds
        assert number(found[f"{name}: processor time of a request"]) > 20
        assert number(found[f"{name}: p99"]) >= number(found[f"{name}: p50"]) > 0
    assert number(found["ratio to the peer"]) > 0
    assert found["target of that: ≥ 0.7 ×"].value in {"met", "missed"}
    assert found["both answer with the same rows"].value is True


def test_answers_that_lack_a_line_or_count_otherwise_have_other_rows() -> None:
    line = {"line_id": "1", "sku": "A", "quantity": 2, "unit_price": 1.0}
    lines = [line, {**line, "line_id": "2"}]
    order = {"order_id": "o", "status": "CONFIRMED", "version": 4, "lines": lines}
    same = {**order, "lines": [{**each, "unit_price": 100} for each in lines]}
    assert rows_of(order) == rows_of(same)
    for other in ({"status": "PENDING"}, {"lines": lines[:1]}, {"lines": [line, {**line, "quantity": 3}]}):
        assert rows_of(order) != rows_of({**order, **other})
    seller = {"product_id": "p", "total_quantity_sold": 3}
    assert rows_of({"items": [{**seller, "name": "P"}]}) == rows_of({"items": [seller]})
    assert rows_of({"items": [seller]}) != rows_of({"items": [{**seller, "total_quantity_sold": 4}]})


def test_searches_have_their_targets_and_find_what_was_generated(sections: list[Section]) -> None:
    narrow = figures(sections, "one word, under 1,000")
    assert narrow["answer, p99"].target == 30.0
    assert narrow["totals and counts by kind are those of the generator, or marked"].value is True
    assert figures(sections, "no words")["answer, p99"].target == 150.0
    assert number(figures(sections, "a word with a wrong letter")["answers"]) > 0


def test_no_query_fails(sections: list[Section]) -> None:
    failed = [
        figure.value for section in sections for figure in section.figures if figure.name == "queries that failed"
    ]
    assert failed == [0] * len(sections)


def test_broad_searches_have_a_target_of_their_own() -> None:
    shelf = Shelf({"rare": set(range(10)), "common": set(range(5_000)), "everywhere": set(range(20_000))})
    targets = {searches.words: searches.p99_ms for searches in searches_of(shelf, 5) if searches.words}
    assert targets == {("rare",): 30.0, ("common",): 150.0, ("everywhere",): 150.0}


def test_the_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    """The second round was slow for both: its own ratio counts, not that of the medians."""

    def loaded(*rates: int) -> Loaded:
        return Loaded([Measured(16, None, 1.0, rate, {"p50": 1.0}, {}, {}, rate, 0.1, 0.0) for rate in rates], [])

    assert Pair(loaded(800, 300, 900), loaded(1000, 400, 1000), same=True).ratio == 0.8
