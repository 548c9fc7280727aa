"""`doctor`: each finding with its level, and what to do."""

import socket
from pathlib import Path

import pytest

from infra.commands.doctor import examine
from infra.doctor.findings import Finding, Level
from infra.doctor.surroundings import fetched, home_path, ports, proxies, servers_of_others, unknown_settings
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.settings import Settings


def free_settings(home: Path) -> Settings:
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    return Settings(home=home, cache=home / "cache", **dict(zip(names, free_ports(len(names)), strict=True)))  # type: ignore[arg-type]


def test_a_slip_of_the_pen_in_a_variable_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKROOM_KAFKA_PROT", "1234")
    assert unknown_settings() == [
        Finding(
            Level.WARN,
            "Settings",
            "STOCKROOM_KAFKA_PROT is no setting.",
            "Did you mean STOCKROOM_KAFKA_PORT?",
        )
    ]


def test_passwords_in_proxy_variables_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:secret@proxy.example:3128")
    assert "HTTPS_PROXY=proxy.example:3128" in proxies().text
    assert "secret" not in proxies().text


def test_a_taken_port_fails_and_names_its_setting(tmp_path: Path) -> None:
    settings = free_settings(tmp_path)
    with socket.create_server(("127.0.0.1", settings.query_api_port)):
        found = ports(settings, Home.of(settings))
    assert [finding.level for finding in found] == [Level.FAIL]
    assert f"Port {settings.query_api_port} (STOCKROOM_QUERY_API_PORT, for query_api) is in use" in found[0].text


def test_free_ports_are_fine(tmp_path: Path) -> None:
    settings = free_settings(tmp_path)
    assert [finding.level for finding in ports(settings, Home.of(settings))] == [Level.OK]


def test_an_empty_cache_is_a_warning_with_the_size_of_the_download(tmp_path: Path) -> None:
    settings = free_settings(tmp_path)
    finding = fetched(settings, Home.of(settings))
    assert finding.level is Level.WARN
    assert "MB" in finding.text


def test_a_home_with_a_comma_fails_because_kafka_would_split_it(tmp_path: Path) -> None:
    assert home_path(Home(tmp_path / "a,b", tmp_path)).level is Level.FAIL


def test_a_server_of_ones_own_that_does_not_answer_fails(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = Settings(home=tmp_path, redis_url=f"redis://127.0.0.1:{port}/0")
    (finding,) = servers_of_others(settings)
    assert finding.level is Level.FAIL
    assert "STOCKROOM_REDIS_URL" in finding.text


def test_this_very_machine_passes(tmp_path: Path) -> None:
    assert [finding for finding in examine(free_settings(tmp_path)) if finding.level is Level.FAIL] == []
