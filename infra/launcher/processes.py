"""The product's own processes as programs: the one table of what `up` starts after the servers."""

import sys
from collections.abc import Mapping
from typing import Any

import httpx

from infra.launcher.home import Home
from infra.launcher.program import NotReady, Program
from infra.setting_forms import INSTANCE_PORT_STEP, INSTANCES
from infra.settings import Settings

# Name, module and setting of the port, on which the module serves /health and /ready. Stopped one after another in the
# reverse order.
PROCESSES = (
    ("command_api", "command_api", "command_api_port"),
    ("policies", "policies", "policies_port"),
    ("projectors", "projectors", "projectors_port"),
    ("streams", "projectors.streams", "streams_port"),
    ("query_api", "query_api", "query_api_port"),
)
SEVERAL = {first_port: count for count, first_port in INSTANCES.items()}
READY_TIMEOUT = 5.0


def process_programs(settings: Settings, home: Home) -> list[Program]:
    """The processes, each as `python -m MODULE`; of some as many instances as the settings say."""
    return [
        _instance(name, module, field, number, settings, home)
        for name, module, field in PROCESSES
        for number in range(getattr(settings, SEVERAL[field]) if field in SEVERAL else 1)
    ]


def _instance(name: str, module: str, setting: str, number: int, settings: Settings, home: Home) -> Program:
    """The instance of that number, counted from 0. To itself each is the only one, on its own port."""
    step = INSTANCE_PORT_STEP * number
    port = getattr(settings, setting) + step
    own = settings.model_copy(update={setting: port, SEVERAL[setting]: 1}) if setting in SEVERAL else settings
    shown, told = (f"{name}_{number + 1}", f"{setting} + {step}") if number else (name, setting)
    return _program(shown, module, {told: port}, own, home)


def _program(name: str, module: str, ports: Mapping[str, int], settings: Settings, home: Home) -> Program:
    url = f"http://{settings.host}:{next(iter(ports.values()))}"
    return Program(
        name=name,
        command=(sys.executable, "-m", module),
        address=url,
        ports=ports,
        check=lambda: check(url),
        environment={
            "STOCKROOM_HOME": str(home.root),
            **{
                f"STOCKROOM_{name.upper()}": str(getattr(settings, name)) for pair in INSTANCES.items() for name in pair
            },
            "PYTHONUNBUFFERED": "1",
        },
    )


def _client() -> httpx.AsyncClient:
    """Loopback is never asked through a proxy; and no certificates are read for it, which takes 20 ms."""
    return httpx.AsyncClient(timeout=READY_TIMEOUT, trust_env=False, verify=False)


async def check(url: str) -> None:
    """Returns when `GET url/ready` answers 200; raises `NotReady` with the reason that it gives until then."""
    try:
        async with _client() as client:
            response = await client.get(f"{url}/ready")
    except httpx.HTTPError as error:
        raise NotReady("does not answer yet") from error
    if response.status_code != httpx.codes.OK:
        raise NotReady(_reason(response))


async def alarms(url: str) -> list[str]:
    """What `GET url/ready` says that needs a person, whether it is ready or not; nothing when it does not answer.

    `alarms` is a list of texts, or counts by name of which those above 0 are told.
    """
    try:
        async with _client() as client:
            body = (await client.get(f"{url}/ready")).json()
    except (httpx.HTTPError, ValueError):
        return []
    return alarm_texts(body.get("alarms")) if isinstance(body, dict) else []


def alarm_texts(found: Any) -> list[str]:
    """The alarms of a `/ready` answer as texts of one line each."""
    texts = [f"{count} {name}" for name, count in found.items() if count] if isinstance(found, dict) else found
    return [" ".join(str(text).split()) for text in texts if text] if isinstance(texts, list) else []


def _reason(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return f"/ready answers {response.status_code}"
    if isinstance(body, dict):
        for key in ("reason", "detail", "title"):
            if body.get(key):
                return str(body[key])
        if isinstance(body.get("reasons"), list) and body["reasons"]:
            return "; ".join(map(str, body["reasons"]))
    return f"/ready answers {response.status_code}: {response.text[:200]}"
