"""Free ports, and a clear word about ports that somebody else has."""

import contextlib
import secrets
import socket
from collections.abc import Iterable

import psutil

from infra.launcher.program import Program

# All below the ports that the system hands out itself. One of those may be taken by a connection between the choice and
# the start of the server, or while it is away; and who tries to reach it then may even be connected with himself.
PORTS_BEGIN, LADDERS_BEGIN, LADDERS_END = 10_000, 20_000, 32_000


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """That many different ports which nothing listens on now, none of them in a ladder."""
    found: dict[int, None] = {}
    while len(found) < count:
        port = secrets.randbelow(LADDERS_BEGIN - PORTS_BEGIN) + PORTS_BEGIN
        if is_free(host, port):
            found[port] = None
    return list(found)


def free_ladder(count: int, step: int, host: str = "127.0.0.1") -> int:
    """The lowest of that many free ports which are `step` apart."""
    while True:
        lowest = secrets.randbelow(LADDERS_END - LADDERS_BEGIN - count * step) + LADDERS_BEGIN
        if all(is_free(host, lowest + step * rung) for rung in range(count)):
            return lowest


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def complaints(host: str, programs: Iterable[Program]) -> list[str]:
    """One sentence for each port that is taken or named twice: port, setting, and whose it is where that is seen."""
    found = []
    seen: dict[int, str] = {}
    for program in programs:
        for field, port in program.ports.items():
            setting = f"STOCKROOM_{field.upper()}"
            if port in seen:
                found.append(f"Port {port} is named twice: by {seen[port]} and {setting}. Give one of them another.")
            elif not is_free(host, port):
                found.append(
                    f"Port {port} ({setting}, for {program.name}) is in use{_by_whom(port)}. "
                    f"Stop that program, or {_way_out(setting)}."
                )
            seen[port] = setting
    return found


def _way_out(setting: str) -> str:
    variable, *added = setting.split(" + ")
    return f"choose another {variable}" if added else f"set {variable} to a free port"


def _by_whom(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.AccessDenied, OSError):
        return ""
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            with contextlib.suppress(psutil.Error):
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""
