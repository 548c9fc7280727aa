"""Processes that a supervisor left behind when it was killed: found by their notes, and stopped."""

from infra.launcher.home import Home
from infra.launcher.record import read_all
from infra.launcher.state import SUPERVISOR


def stop_orphans(home: Home) -> list[str]:
    """Stops every noted process that still runs, the latest started first; returns their names. Touches no other."""
    stopped = []
    for record in read_all(home.run):
        if record.name != SUPERVISOR and record.stop():
            stopped.append(record.name)
        record.forget(home.run)
    return stopped
