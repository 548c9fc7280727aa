"""The short form of `./stockroom bench commands` on servers and processes of its own, and how its figures are made."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from benchmarks.commands import measure
from benchmarks.commands_alone import MANY, Alone, Setup
from benchmarks.commands_extent import SHORT
from benchmarks.commands_reference import best, reference
from benchmarks.commands_sections import at_least, failures, to_the_floor
from benchmarks.figures import Result
from benchmarks.load.measured import Measured
from benchmarks.machine import machine, now
from benchmarks.reference.saved import Saved
from tests.support.figures import figures, number


@pytest.fixture(scope="module")
async def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What the short form wrote: its result, read back from the JSON, and its picture."""
    folder = tmp_path_factory.mktemp("commands")
    picture = folder / "commands.png"
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        sections = await measure(SHORT, picture)
    written = Result("commands", "./stockroom bench commands --short", now(), machine(), sections)
    return Result.load(written.save(folder)), picture


async def test_the_json_says_on_what_and_with_what_it_was_measured(short: tuple[Result, Path]) -> None:
    result, _ = short
    assert {"cores", "python", "kafka", "postgres", "load_before"} <= result.machine.keys()
    durability = figures(result.sections, "durability")
    assert "fsync=on, synchronous_commit=on" in str(durability["flushed, PostgreSQL"].value)
    assert "fsync=on, synchronous_commit=off" in str(durability["not flushed, PostgreSQL"].value)
    assert {"psycopg", "uvloop", "aiokafka"} <= durability.keys()


@pytest.mark.parametrize("title", ["one client", "64 clients"])
async def test_every_setup_is_measured_in_every_round(short: tuple[Result, Path], title: str) -> None:
    found = figures(short[0].sections, title)
    for setup in Setup:
        assert number(found[f"{setup}: p99"]) >= number(found[f"{setup}: p50"]) > 0
    rounds = [str(figure.value).split(" / ") for name, figure in found.items() if name.endswith("by round")]
    assert [len(each) for each in rounds] == [SHORT.rounds] * len(Setup)


async def test_the_floor_takes_processor_time_of_its_own_for_each_order(short: tuple[Result, Path]) -> None:
    """Nothing validates and decides an order in less; and it is not the time of the command API that stands idle."""
    found = figures(short[0].sections, "64 clients")
    floor = number(found[f"{Setup.FLOOR}: processor time of an order"])
    assert 50 < floor < 2 * number(found[f"{Setup.UNFLUSHED}: processor time of an order"])


async def test_no_order_fails_in_any_part(short: tuple[Result, Path]) -> None:
    every = [figure for section in short[0].sections for figure in section.figures]
    told = {"orders that failed", "how they failed"}
    assert [figure.value for figure in every if figure.name in told] == [0, 0, 0, 0]


async def test_every_target_has_its_verdict(short: tuple[Result, Path]) -> None:
    result, _ = short
    assert figures(result.sections, "one client")["command API, not flushed: p50"].target == 1.0
    assert figures(result.sections, "open loop")["50%: p99"].target == 15.0
    verdicts = [figure.value for section in result.sections for figure in section.figures if "target of" in figure.name]
    assert len(verdicts) == 5
    assert set(verdicts) <= {"met", "missed"}


async def test_the_open_loop_offers_the_shares_of_what_the_closed_loop_reached(short: tuple[Result, Path]) -> None:
    reached = number(figures(short[0].sections, "64 clients")[f"{Setup.UNFLUSHED}: orders a second"])
    found = figures(short[0].sections, "open loop")
    assert number(found["10%: offered"]) == pytest.approx(reached * 0.1, abs=1)
    assert number(found["50%: offered"]) == pytest.approx(reached * 0.5, abs=1)


async def test_what_is_settled_is_in_the_read_model_and_every_process_has_a_share(short: tuple[Result, Path]) -> None:
    result, _ = short
    found = figures(result.sections, "everything running")
    assert number(found["orders a second, each settled and projected"]) > 0
    assert result.holds
    told = {name.split(":")[0] for name in found}
    ours = {"command_api", "policies", "projectors", "query_api"}
    assert ours | {"kafka", "postgres", "redis", "load generator"} <= told


async def test_the_picture_is_there(short: tuple[Result, Path]) -> None:
    assert short[1].read_bytes().startswith(b"\x89PNG")


def run(per_second: float, **failed: int) -> Measured:
    return Measured(MANY, None, 1.0, round(per_second), {"p50": 1.0}, {}, failed, round(per_second), 0.1, 0.0)


def saved(per_second: int) -> Saved:
    return Saved(1, False, 1.0, per_second, {}, {"fsync": "on"})


def test_the_ratio_to_the_floor_is_the_median_of_the_ratios_of_each_round() -> None:
    """The second round was slow for both: its own ratio counts, not that of the medians."""
    alone = Alone()
    alone.loads[Setup.UNFLUSHED, MANY] = [run(800), run(300), run(900)]
    alone.loads[Setup.FLOOR, MANY] = [run(1000), run(400), run(1000)]
    assert to_the_floor(alone, Setup.UNFLUSHED) == 0.8


def test_a_target_that_is_to_be_reached_is_missed_below_it_and_met_at_it() -> None:
    assert [figure.value for figure in at_least("ratio", 2.99, "×", 3.0)] == [2.99, "missed"]
    assert [figure.value for figure in at_least("ratio", 3.0, "×", 3.0)] == [3.0, "met"]


def test_failures_are_told_by_their_kind() -> None:
    told = failures([run(10), run(10, overloaded=2), run(10, overloaded=1, lost=1)])
    assert [figure.value for figure in told] == [4, "1 × lost, 3 × overloaded"]
    assert told[0].verdict.endswith("missed")


def several_ways() -> Alone:
    alone = Alone()
    for flushed in (False, True):
        alone.saves[flushed, False, 1] = [saved(100), saved(90)]
        alone.saves[flushed, False, 4] = [saved(120), saved(120)]
        alone.saves[flushed, True, 1] = [saved(200), saved(240)]
        alone.saves[flushed, True, 4] = [saved(400), saved(500)]
    alone.loads[Setup.UNFLUSHED, MANY] = [run(1200), run(1500)]
    alone.loads[Setup.FLUSHED, MANY] = [run(400), run(500)]
    return alone


def test_the_best_of_the_reference_is_over_all_ways_and_over_those_whose_readers_miss_nothing() -> None:
    assert best(several_ways(), flushed=False, trusted=False) == ((True, 4), 450)
    assert best(several_ways(), flushed=False, trusted=True) == ((True, 1), 220)


def test_the_reference_is_compared_at_equal_durability() -> None:
    ratios = [figure.value for figure in reference(several_ways()).figures if "in times of it" in figure.name]
    assert ratios == [3.0, pytest.approx(6.13, abs=0.01), 1.0, pytest.approx(2.04, abs=0.01)]
