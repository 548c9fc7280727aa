"""Two projectors, PostgreSQL and Redis are killed under load and during rebuilds; the rows are those of the log."""

import os
from unittest.mock import patch

import pytest

from benchmarks.projection_kills import SHORT, VICTIMS, measure


@pytest.mark.timeout(600)
async def test_live_rows_are_those_of_a_rebuild_and_of_an_independent_fold_whatever_was_killed() -> None:
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        sections = await measure(SHORT)
    figures = [figure for section in sections for figure in section.figures]
    assert [figure.name for figure in figures if figure.value is False] == []
    assert sum("ready again after" in figure.name for figure in figures) == 2 * len(VICTIMS)
    (broken_off,) = [figure.value for figure in figures if "broken off" in figure.name]
    assert isinstance(broken_off, int)
    assert broken_off > 0
