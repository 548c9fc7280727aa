"""`import` on the command line: what went wrong goes to standard error, reports to standard output."""

from pathlib import Path

import pytest

from infra.cli import main
from infra.launcher.ports import free_ports
from infra.settings import settings


def test_a_file_of_another_form_is_told_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.csv"
    file.write_text("x,y\n1,2\n")
    assert main(["import", "retail", str(file)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{file} does not begin with the header" in told.err


def test_an_import_that_stops_says_so_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOCKROOM_QUERY_API_PORT", str(free_ports(1)[0]))
    monkeypatch.setattr("infra.imports.settled.PATIENCE_SECONDS", 0.2)
    settings.cache_clear()
    try:
        assert main(["import", "retail", "--sample"]) == 1
    finally:
        settings.cache_clear()
    told = capsys.readouterr()
    assert "The import stopped" in told.err
    assert "The import stopped" not in told.out
    assert "rows:" in told.out
