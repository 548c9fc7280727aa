"""The product's own processes as programs: the one table of what `up` starts after the servers."""

import sys

import httpx

from infra.launcher.home import Home
from infra.launcher.program import NotReady, Program
from infra.settings import Settings

# Stopped one after another in the reverse order. Each module serves /health and /ready on the port of its setting.
PROCESSES = (
    ("command_api", "command_api_port"),
    ("policies", "policies_port"),
    ("projectors", "projectors_port"),
    ("query_api", "query_api_port"),
)
READY_TIMEOUT = 5.0


def process_programs(settings: Settings, home: Home) -> list[Program]:
    """The processes, each as `python -m NAME`."""
    return [_program(name, field, settings, home) for name, field in PROCESSES]


def _program(name: str, field: str, settings: Settings, home: Home) -> Program:
    port: int = getattr(settings, field)
    url = f"http://{settings.host}:{port}"
    return Program(
        name=name,
        command=(sys.executable, "-m", name),
        address=url,
        ports={field: port},
        check=lambda: check(url),
        environment={"STOCKROOM_HOME": str(home.root), "PYTHONUNBUFFERED": "1"},
    )


async def check(url: str) -> None:
    """Returns when `GET url/ready` answers 200; raises `NotReady` with the reason that it gives until then."""
    try:
        # Loopback is never asked through a proxy.
        async with httpx.AsyncClient(timeout=READY_TIMEOUT, trust_env=False) as client:
            response = await client.get(f"{url}/ready")
    except httpx.HTTPError as error:
        raise NotReady("does not answer yet") from error
    if response.status_code != httpx.codes.OK:
        raise NotReady(_reason(response))


def _reason(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return f"/ready answers {response.status_code}"
    if isinstance(body, dict):
        for key in ("reason", "detail", "title"):
            if body.get(key):
                return str(body[key])
    return f"/ready answers {response.status_code}: {response.text[:200]}"
