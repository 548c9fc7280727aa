"""The processes that `up` starts: one of each, of command API and projectors as many as the settings say."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from infra.launcher.home import Home
from infra.launcher.ports import complaints
from infra.launcher.processes import process_programs
from infra.launcher.standing import tell_already_up
from infra.launcher.state import State, as_started
from infra.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "cache")


def test_instances_of_the_command_api_have_names_addresses_and_ports_of_their_own(home: Home) -> None:
    first, second, third, *others = process_programs(Settings(command_api_port=9000, command_apis=3), home)
    assert [each.name for each in (first, second, third)] == ["command_api", "command_api_2", "command_api_3"]
    assert [each.address for each in (first, second, third)] == [f"http://127.0.0.1:{9000 + n}" for n in (0, 100, 200)]
    assert third.ports == {"command_api_port + 200": 9200}
    assert first.command == second.command == third.command
    assert [each.name for each in others] == ["policies", "projectors", "streams", "query_api"]


def test_projectors_have_names_addresses_and_ports_of_their_own_and_know_no_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {each.name: each for each in process_programs(Settings(projectors_port=9000, projectors=2), home)}
    first, second = programs["projectors"], programs["projectors_2"]
    assert (first.address, second.address) == ("http://127.0.0.1:9000", "http://127.0.0.1:9100")
    assert second.ports == {"projectors_port + 100": 9100}
    for variable, value in second.environment.items():
        monkeypatch.setenv(variable, value)
    assert (Settings().projectors_port, Settings().projectors) == (9100, 1)


def test_an_instance_knows_its_own_port_only_and_the_policies_know_all(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {each.name: each for each in process_programs(Settings(command_api_port=9000, command_apis=3), home)}
    urls = {}
    for name in ("command_api_2", "policies"):
        for variable, value in programs[name].environment.items():
            monkeypatch.setenv(variable, value)
        urls[name] = Settings().command_api_urls
        assert Settings().home == home.root
    assert urls["command_api_2"] == ("http://127.0.0.1:9100",)
    assert urls["policies"] == ("http://127.0.0.1:9000", "http://127.0.0.1:9100", "http://127.0.0.1:9200")


def test_a_port_of_an_instance_that_another_process_has_is_named_before_anything_starts(home: Home) -> None:
    settings = Settings(command_api_port=9000, command_apis=2, query_api_port=9100)
    (complaint,) = [each for each in complaints("127.0.0.1", process_programs(settings, home)) if "twice" in each]
    assert "9100 is named twice: by STOCKROOM_COMMAND_API_PORT + 100 and STOCKROOM_QUERY_API_PORT" in complaint


def test_what_was_started_counts_until_it_was_stopped(home: Home) -> None:
    def numbers() -> tuple[int, int]:
        started = as_started(Settings(command_apis=1, projectors=1), home)
        return started.command_apis, started.projectors

    assert numbers() == (1, 1)
    State("ready", command_apis=3, projectors=2).save(home)
    assert numbers() == (3, 2)
    State("stopped", command_apis=3, projectors=2).save(home)
    assert numbers() == (1, 1)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Settings(command_apis=3, projectors=2), ""),
        (Settings(command_apis=2), "Command APIs up: 3, asked for: 2. Nothing was changed."),
        (Settings(projectors=1), "Projectors up: 2, asked for: 1. Nothing was changed."),
        (Settings(), ""),
    ],
)
def test_up_says_so_when_another_number_of_instances_is_up_than_was_asked_for(
    home: Home, asked: Settings, told: str
) -> None:
    State("ready", command_apis=3, projectors=2).save(home)
    text = io.StringIO()
    assert tell_already_up(Console(file=text), asked, home) == bool(told)
    assert told in text.getvalue()
    assert ("asked for" in text.getvalue()) == bool(told)
