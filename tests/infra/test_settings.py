"""Settings: read from the environment, addresses of the embedded servers unless others are given."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.launcher.home import Home
from infra.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"STOCKROOM_{name.upper()}", raising=False)


def test_addresses_come_from_host_and_ports_when_no_server_is_given() -> None:
    settings = Settings(kafka_port=1111, postgres_port=2222, redis_port=3333)
    assert settings.bootstrap_servers == "127.0.0.1:1111"
    assert settings.dsn == "postgresql://stockroom@127.0.0.1:2222/stockroom"
    assert settings.redis_address == "redis://127.0.0.1:3333/0"


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


def test_the_cache_is_in_the_home_unless_it_is_shared(tmp_path: Path) -> None:
    assert Home.of(Settings(home=tmp_path)).cache == tmp_path / "cache"
    assert Home.of(Settings(home=tmp_path, cache=tmp_path / "shared")).cache == tmp_path / "shared"


def test_a_home_given_as_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Home.of(Settings(home=Path("here"))).root == tmp_path / "here"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
