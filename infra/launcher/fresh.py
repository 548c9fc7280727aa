"""Settings of a copy that nobody else uses: free ports, a home of its own, servers of its own."""

import os
from pathlib import Path

from infra.launcher.home import Home
from infra.launcher.ports import free_ladder, free_ports
from infra.setting_forms import INSTANCE_PORT_STEP
from infra.settings import Settings

MOST_INSTANCES = 8
"""Command APIs, and projectors, that tests may start beside each other."""

OWN_SERVERS = ("STOCKROOM_KAFKA_BOOTSTRAP_SERVERS", "STOCKROOM_POSTGRES_DSN", "STOCKROOM_REDIS_URL")


def fresh_settings(folder: Path) -> Settings:
    """Settings of a copy whose home is `folder`, also set in the environment for the child processes.

    The cache of fetched servers stays the user's own. `folder` is opened to all: PostgreSQL may run as another.
    """
    cache = Home.of(Settings()).cache
    folder.chmod(0o755)
    for name in OWN_SERVERS:
        os.environ.pop(name, None)
    ports = [name for name in Settings.model_fields if name.endswith("_port")]
    for name, port in zip(ports, free_ports(len(ports)), strict=True):
        os.environ[f"STOCKROOM_{name.upper()}"] = str(port)
    between = INSTANCE_PORT_STEP // 2
    lowest = free_ladder(2 * MOST_INSTANCES, between)
    os.environ["STOCKROOM_COMMAND_API_PORT"] = str(lowest)
    os.environ["STOCKROOM_PROJECTORS_PORT"] = str(lowest + between)
    os.environ["STOCKROOM_HOME"], os.environ["STOCKROOM_CACHE"] = str(folder), str(cache)
    return Settings()
