"""Where a campaign runs: servers of its own on free ports, and several command API processes beside each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kills import kill
from infra.create_topics import create_topics
from infra.launcher.fresh import OWN_SERVERS
from infra.launcher.group import Group
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.servers.running import running_servers
from infra.settings import Settings
from tests.faults.campaign.instance import Instance

READY_SECONDS = 60.0


@dataclass
class Rig:
    """Servers and instances. The instances are started by whoever uses them, and stopped at the end."""

    settings: Settings
    environment: dict[str, str]
    servers: Group
    instances: list[Instance]
    policies: Instance
    """Sends its commands to the first instance."""
    projectors: Instance
    query_api: Instance

    @property
    def urls(self) -> list[str]:
        """Base URL of each instance."""
        return [instance.url for instance in self.instances]

    async def start_instances(self, *module: str) -> None:
        """Start all instances at once, each as `python -m MODULE...`, and wait until all are ready."""
        for instance in self.instances:
            instance.module = module or ("command_api",)
            await instance.start()
        await self.ready()

    async def ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until all instances are ready. Raises ``DidNotStart``."""
        await asyncio.gather(*(instance.ready(seconds) for instance in self.instances))

    async def start_reads(self, *module: str) -> None:
        """Start the projectors and the query API, this one as `python -m MODULE...`, and wait until both are ready."""
        self.query_api.module = module or ("query_api",)
        for process in (self.projectors, self.query_api):
            await process.start()
        await asyncio.gather(self.projectors.ready(READY_SECONDS), self.query_api.ready(READY_SECONDS))

    async def stop(self) -> None:
        """Stop whatever was started beside the servers, properly, or by force where that takes too long."""
        processes = (*self.instances, self.policies, self.projectors, self.query_api)
        await asyncio.gather(*(process.stop() for process in processes))

    async def kill_server(self, name: str) -> float:
        """SIGKILL a server with all its processes; seconds until its supervisor has it ready again."""
        return await kill(self.servers[name])


@asynccontextmanager
async def running_rig(folder: Path, instances: int = 3) -> AsyncIterator[Rig]:
    """Servers, topics and instances that are not started yet, with their home in ``folder``."""
    ports = free_ports(instances)
    environment = _environment(folder)
    settings = _settings(environment)
    async with running_servers(settings) as servers:
        await create_topics(settings)
        members = [_instance(number, settings, port, environment) for number, port in enumerate(ports)]
        to_first = {**environment, "STOCKROOM_COMMAND_API_ADDRESS": members[0].url}
        names = ("policies", "projectors", "query_api")
        others = [Instance(name, name, settings, _url(settings, name), to_first) for name in names]
        rig = Rig(settings, environment, servers, members, *others)
        try:
            yield rig
        finally:
            await rig.stop()


def _instance(number: int, settings: Settings, port: int, environment: dict[str, str]) -> Instance:
    own = {**environment, "STOCKROOM_COMMAND_API_PORT": str(port)}
    return Instance(f"command_api-{number}", "command_api", settings, f"http://{settings.host}:{port}", own)


def _url(settings: Settings, name: str) -> str:
    return f"http://{settings.host}:{getattr(settings, f'{name}_port')}"


def _environment(folder: Path) -> dict[str, str]:
    """The settings of this rig as variables: all its own, but for the cache of fetched servers."""
    folder.chmod(0o755)  # PostgreSQL may run as another user
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    ports = {f"STOCKROOM_{name.upper()}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    places = {"STOCKROOM_HOME": str(folder), "STOCKROOM_CACHE": str(Home.of(Settings()).cache)}
    return {**ports, **places, **dict.fromkeys(OWN_SERVERS, "")}


def _settings(environment: dict[str, str]) -> Settings:
    given = {name.removeprefix("STOCKROOM_").lower(): value for name, value in environment.items() if value}
    nothing = {name.removeprefix("STOCKROOM_").lower(): None for name in OWN_SERVERS}
    return Settings.model_validate({**nothing, **given})
