"""`docker-compose.yml`: it parses, and every command, setting and dependency in it exists."""

import importlib.util
import re
from typing import Any

import pytest
import yaml

from infra.launcher.processes import PROCESSES
from infra.servers.database import EXTENSIONS
from infra.settings import REPOSITORY, Settings

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = sorted(name for name, service in SERVICES.items() if "build" in service)


def test_it_has_no_version_attribute() -> None:
    assert "version" not in COMPOSE


def test_it_runs_the_same_processes_as_the_launcher() -> None:
    assert sorted(["topics", *(name for name, _, _ in PROCESSES)]) == OWN


@pytest.mark.parametrize("name", OWN)
def test_every_command_names_a_module_that_can_be_run(name: str) -> None:
    python, option, module = SERVICES[name]["command"]
    assert (python, option) == ("python", "-m")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    runnable = f"{module}.__main__" if spec.submodule_search_locations is not None else module
    assert importlib.util.find_spec(runnable) is not None


@pytest.mark.parametrize("name", OWN)
def test_every_stockroom_variable_is_a_setting(name: str) -> None:
    known = {f"STOCKROOM_{field.upper()}" for field in Settings.model_fields}
    assert {key for key in SERVICES[name]["environment"] if key.startswith("STOCKROOM_")} <= known


@pytest.mark.parametrize("name", OWN)
def test_the_settings_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(key, str(value).replace("${POSTGRES_PASSWORD:-stockroom}", "stockroom"))
    assert Settings().bootstrap_servers == "kafka:19092"


def test_the_command_api_advertises_the_address_at_which_the_others_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in SERVICES["command_api"]["environment"].items():
        monkeypatch.setenv(key, str(value))
    assert Settings().instance_address == SERVICES["policies"]["environment"]["STOCKROOM_COMMAND_API_ADDRESS"]


@pytest.mark.parametrize(("name", "module", "field"), PROCESSES)
def test_it_runs_the_module_and_its_health_check_asks_the_port_that_it_listens_on(
    name: str, module: str, field: str
) -> None:
    assert SERVICES[name]["command"][2] == module
    assert SERVICES[name]["healthcheck"]["test"][-1] == str(Settings.model_fields[field].default)


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, _, field in PROCESSES])
def test_every_process_is_asked_from_the_machine_at_the_port_that_the_manual_names(name: str, field: str) -> None:
    port = Settings.model_fields[field].default
    assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_every_service_that_stays_has_a_health_check() -> None:
    assert [name for name, service in SERVICES.items() if name != "topics" and "healthcheck" not in service] == []


def test_dependencies_exist_and_wait_for_health_or_completion() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed == "topics" else "service_healthy"
            assert how == {"condition": expected}
            assert needed in SERVICES


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_named_volumes_are_declared() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    for mount in mounts:
        if mount.startswith("."):
            assert (REPOSITORY / mount.split(":")[0]).is_file()


def test_the_image_holds_every_module_that_a_container_runs() -> None:
    dockerfile = (REPOSITORY / "infra" / "images" / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\w+) \w+$", dockerfile, re.MULTILINE))
    assert copied >= {SERVICES[name]["command"][2].split(".")[0] for name in OWN}
    assert "--require-hashes" in dockerfile
    assert re.search(r"^USER stockroom$", dockerfile, re.MULTILINE)


def test_both_ways_to_run_make_the_same_extensions() -> None:
    made = re.findall(r"EXISTS (\w+);", (REPOSITORY / "infra" / "images" / "postgres-extensions.sql").read_text())
    assert sorted(made) == sorted(EXTENSIONS)
