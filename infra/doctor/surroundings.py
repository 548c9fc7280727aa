"""What `doctor` looks at around the machine: fetched servers, ports, servers of others, proxies, settings."""

import difflib
import os
import socket
from urllib.parse import urlsplit

from infra.doctor.findings import Finding, Level
from infra.launcher.home import Home
from infra.launcher.ports import complaints
from infra.launcher.processes import process_programs
from infra.launcher.program import CannotStart
from infra.launcher.state import running_supervisor
from infra.servers import jars, java
from infra.servers.embedded import embedded_programs
from infra.settings import Settings

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
REACH_SECONDS = 2.0


def fetched(settings: Settings, home: Home) -> Finding:
    """Whether the broker's jars are all there, so that a start needs no network."""
    if settings.kafka_bootstrap_servers:
        return Finding(Level.OK, "Jars", "none needed: STOCKROOM_KAFKA_BOOTSTRAP_SERVERS is set.")
    missing = jars.missing(java.jar_folder(home))
    if not missing:
        return Finding(Level.OK, "Jars", f"all in {home.cache}: a start needs no network.")
    size = sum(jar.size for jar in missing) / 1e6
    return Finding(Level.WARN, "Jars", f"{len(missing)} to fetch ({size:.0f} MB).", "The next `up` needs the network.")


def servers_of_others(settings: Settings) -> list[Finding]:
    """Whether the servers that the settings name can be reached."""
    kafka = (settings.kafka_bootstrap_servers or "").split(",")[0]
    given = [
        ("KAFKA_BOOTSTRAP_SERVERS", f"//{kafka}" if kafka else "", 9092),
        ("POSTGRES_DSN", settings.postgres_dsn or "", 5432),
        ("REDIS_URL", settings.redis_url or "", 6379),
    ]
    return [_reach(f"STOCKROOM_{name}", url, default) for name, url, default in given if url]


def _reach(variable: str, url: str, default_port: int) -> Finding:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or default_port
        with socket.create_connection((host, port), REACH_SECONDS):
            return Finding(Level.OK, "Your server", f"{host}:{port} answers ({variable}).")
    except (OSError, ValueError) as error:
        return Finding(Level.FAIL, "Your server", f"{variable} cannot be reached: {error}.", "Start it or mend it.")


def ports(settings: Settings, home: Home) -> list[Finding]:
    """Whether the ports are free, or held by this very copy."""
    if running_supervisor(home) is not None:
        return [Finding(Level.OK, "Ports", "this copy is up and has them.")]
    try:
        programs = [*embedded_programs(settings, home), *process_programs(settings, home)]
    except CannotStart:
        programs = process_programs(settings, home)
    if wrong := complaints(settings.host, programs):
        return [Finding(Level.FAIL, "Ports", complaint) for complaint in wrong]
    numbers = sorted(port for program in programs for port in program.ports.values())
    return [Finding(Level.OK, "Ports", f"{', '.join(map(str, numbers))} are free on {settings.host}.")]


def home_path(home: Home) -> Finding:
    """Whether the home can be written and its path suits the servers."""
    folder = next(each for each in (home.root, *home.root.parents) if each.exists())
    if "," in str(home.root):
        return Finding(Level.FAIL, "Home", f"{home.root} has a comma, where Kafka splits.", "Set STOCKROOM_HOME.")
    if not os.access(folder, os.W_OK):
        return Finding(Level.FAIL, "Home", f"{folder} cannot be written.", "Set STOCKROOM_HOME to a folder of yours.")
    return Finding(Level.OK, "Home", f"{home.root}")


def proxies() -> Finding:
    """Which proxy variables are set; without what may be a password in them."""
    found = []
    for name in PROXY_VARIABLES:
        value = os.environ.get(name) or os.environ.get(name.lower())
        if value:
            shown = value if name == "NO_PROXY" else urlsplit(value if "//" in value else f"//{value}").netloc
            found.append(f"{name}={shown.rpartition('@')[2]}")
    return Finding(Level.OK, "Proxy", ", ".join(found) if found else "no proxy variables are set.")


def unknown_settings() -> list[Finding]:
    """Variables that look like settings but are none: a slip of the pen would else go unseen."""
    known = {f"STOCKROOM_{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith("STOCKROOM_") and name.upper() not in known)
    if not unknown:
        return [Finding(Level.OK, "Settings", "every STOCKROOM_ variable is known.")]
    return [Finding(Level.WARN, "Settings", f"{name} is no setting.", _meant(name, known)) for name in unknown]


def _meant(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name.upper(), known, n=1)
    return f"Did you mean {close[0]}?" if close else "It has no effect."
