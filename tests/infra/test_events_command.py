"""What `./stockroom events` refuses before it reads anything."""

import pytest

from infra.cli import main


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--type", "nonsense"], "No type of event begins with 'nonsense'; there are "),
        (["--type", "order.plcaed"], "close to it: order.placed.v1."),
        (["--type", "stockroom.writer"], "No type of event begins with 'stockroom.writer'"),
        (["--topic", "nonsense"], "'nonsense' is not a topic"),
    ],
)
def test_what_nothing_can_fit_is_refused_and_told(
    given: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", *given]) == 2
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert told in shown


@pytest.mark.parametrize("given", [["--type", "order.re"], ["--void", "--type", "stockroom.writer.beat"]])
def test_types_that_there_are_are_looked_for_in_the_log(given: list[str], unique: str) -> None:
    assert main(["events", "--subject", unique, *given]) == 0
