"""What a benchmark writes and shows; the measuring itself is not repeated here, for machines differ."""

import gzip
import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.figures import RESULTS, Figure, Result, Section, milliseconds
from benchmarks.file_sums import sold_and_invoices
from benchmarks.machine import machine, now
from benchmarks.page import PAGE, page_of


def result(*figures: Figure) -> Result:
    return Result("tiny", "./stockroom bench tiny", now(), machine(), [Section("a few", list(figures))])


def test_percentiles_of_one_to_a_hundred_milliseconds() -> None:
    p50, p99, highest = milliseconds("answer", [n / 1000 for n in range(1, 102)], 99.5)
    assert (p50.value, p99.value, highest.value) == (51.0, 100.0, 101.0)
    assert (p50.verdict, p99.verdict) == ("", "≤ 99.5 ms: missed")


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = result(Figure("time", 1.5, "s", 2.0), Figure("events", 1_234), Figure("nothing is there twice", True))
    assert Result.load(written.save(tmp_path)) == written


def test_a_check_that_does_not_hold_fails_the_benchmark_and_a_missed_target_does_not() -> None:
    assert result(Figure("time", 9.0, "s", 2.0), Figure("nothing", 0), Figure("twice", True)).holds
    assert not result(Figure("time", 1.0, "s", 2.0), Figure("nothing is there twice", False)).holds


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (Figure("", 286_584), "286,584"),
        (Figure("", 3_887.4, "/s"), "3,887 /s"),
        (Figure("", 0.0613, "s"), "0.0613 s"),
        (Figure("", 68.7, "s"), "68.7 s"),
        (Figure("", False), "NO"),
    ],
)
def test_a_figure_is_shown_with_its_unit(figure: Figure, shown: str) -> None:
    assert figure.shown == shown


def test_tables_and_page_show_every_figure_with_command_and_machine() -> None:
    tiny = result(Figure("time", 1.5, "s", 2.0), Figure("nothing is there twice", True))
    console = Console(width=200, file=io.StringIO(), record=True)
    tiny.show(console)
    for text in (console.export_text(), page_of([tiny])):
        assert "./stockroom bench tiny" in text
        assert f"cores {machine()['cores']}" in text
        assert "≤ 2 s: met" in text
        assert "nothing is there twice" in text


def test_the_page_of_measurements_is_that_of_the_results() -> None:
    assert PAGE.read_text() == page_of(Result.load(path) for path in sorted(RESULTS.glob("*.json")))


def test_the_sums_of_a_file_leave_out_what_sells_nothing(tmp_path: Path) -> None:
    file = tmp_path / "few.csv.gz"
    rows = ["A,x1,9,2.50", "A,X1,1,0", "B,x1,many,1", "C1,x1,-9,1", "D,x1,-2,0", "E,x2,5,0.001", "F"]
    file.write_bytes(gzip.compress("\n".join(["InvoiceNo,StockCode,Quantity,UnitPrice", *rows]).encode()))
    assert sold_and_invoices(file) == ({"X1": 10}, {"A"})
