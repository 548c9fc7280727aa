"""The poison benchmark on a log of a few orders, with servers of its own."""

import os
from dataclasses import replace
from unittest.mock import patch

import pytest

from benchmarks.figures import Section
from benchmarks.poison import measure
from benchmarks.projections_extent import SHORT

TINY = replace(SHORT, orders=2_000)


@pytest.fixture(scope="module")
async def sections() -> list[Section]:
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        return await measure(TINY)


def test_both_stores_park_all_poison_and_nothing_else_and_come_out_as_a_clean_run(sections: list[Section]) -> None:
    assert [section.title.partition(":")[0] for section in sections] == [
        "order_history (postgres)",
        "top_sellers (redis)",
    ]
    for section in sections:
        checks = {figure.name: figure.value for figure in section.figures if isinstance(figure.value, bool)}
        assert checks == dict.fromkeys(checks, True)
        assert len(checks) == 4


def test_poison_is_of_both_kinds_and_holds_up_what_follows(sections: list[Section]) -> None:
    for section in sections:
        assert "40 poison events among 4,000, 20 of them undecodable" in section.title
        (parked,) = [figure.value for figure in section.figures if figure.name.startswith("parked")]
        assert isinstance(parked, int)
        assert 40 < parked < 90
