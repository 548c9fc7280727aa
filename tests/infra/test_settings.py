"""Settings: read from the environment, addresses of the embedded servers unless others are given."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.cli import main
from infra.launcher.home import Home
from infra.settings import REPOSITORY, Settings, settings


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"STOCKROOM_{name.upper()}", raising=False)


def test_addresses_come_from_host_and_ports_when_no_server_is_given() -> None:
    found = Settings(kafka_port=1111, postgres_port=2222, redis_port=3333)
    assert found.bootstrap_servers == "127.0.0.1:1111"
    assert found.dsn == "postgresql://stockroom@127.0.0.1:2222/stockroom"
    assert found.redis_address == "redis://127.0.0.1:3333/0"


def test_a_given_server_wins_over_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKROOM_KAFKA_BOOTSTRAP_SERVERS", "kafka-1:9092,kafka-2:9092")
    assert Settings().bootstrap_servers == "kafka-1:9092,kafka-2:9092"


def test_the_apis_are_on_their_ports_unless_an_address_is_given() -> None:
    assert Settings(command_api_port=1).command_api_url == "http://127.0.0.1:1"
    assert Settings(command_api_address="http://command_api:8001/").command_api_url == "http://command_api:8001"


def test_a_port_out_of_range_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKROOM_REDIS_PORT", "70000")
    with pytest.raises(ValidationError, match="redis_port"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "LOUD"),
        ("POSTGRES_DSN", "mysql://somewhere/stock"),
        ("POSTGRES_DSN", "somewhere:5432"),
        ("REDIS_URL", "http://somewhere:6379"),
        ("REDIS_URL", "redis://"),
        ("KAFKA_BOOTSTRAP_SERVERS", "somewhere"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://somewhere:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092,,b:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:99999"),
    ],
)
@pytest.mark.parametrize("command", ["up", "doctor"])
def test_a_value_of_another_form_ends_a_command_at_once_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, name: str, value: str
) -> None:
    monkeypatch.setenv(f"STOCKROOM_{name}", value)
    settings.cache_clear()
    try:
        assert main([command]) == 2
    finally:
        settings.cache_clear()
    told = capsys.readouterr().err
    assert told.startswith(f"STOCKROOM_{name}: ")
    assert repr(value) in told


def test_a_password_in_a_refused_address_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOCKROOM_POSTGRES_DSN", "postgresql+asyncpg://me:secret@somewhere/stock")
    settings.cache_clear()
    try:
        assert main(["doctor"]) == 2
    finally:
        settings.cache_clear()
    told = capsys.readouterr().err
    assert "somewhere/stock" in told
    assert "secret" not in told
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("postgres_dsn", "postgres://me:secret@somewhere/stock"),
        ("postgres_dsn", "postgresql:///stock?host=/run/postgresql"),
        ("redis_url", "rediss://somewhere:6380/1"),
        ("redis_url", "unix:///run/redis.sock"),
        ("kafka_bootstrap_servers", "[::1]:9092,kafka-2.example:9093"),
        ("kafka_bootstrap_servers", ""),
    ],
)
def test_the_usual_forms_of_addresses_are_taken_as_they_are(field: str, value: str) -> None:
    assert getattr(Settings.model_validate({field: value}), field) == value


def test_a_log_level_is_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKROOM_LOG_LEVEL", "warning")
    assert Settings().log_level == "WARNING"


def test_the_cache_is_in_the_home_unless_it_is_shared(tmp_path: Path) -> None:
    assert Home.of(Settings(home=tmp_path)).cache == tmp_path / "cache"
    assert Home.of(Settings(home=tmp_path, cache=tmp_path / "shared")).cache == tmp_path / "shared"


def test_a_home_given_as_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Home.of(Settings(home=Path("here"))).root == tmp_path / "here"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("count", ["0", "17"])
def test_a_number_of_command_apis_out_of_range_names_the_option(count: str) -> None:
    command = [sys.executable, "-m", "infra.cli", "up", "--command-apis", count]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "'--command-apis'" in ended.stderr + ended.stdout
