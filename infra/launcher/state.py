"""What the supervisor tells others: one small JSON file, written whole at every change."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.launcher.home import Home
from infra.launcher.record import ProcessRecord, read, write_whole
from infra.setting_forms import INSTANCES
from infra.settings import Settings

SUPERVISOR = "supervisor"
ENDED = ("stopped", "failed")


@dataclass(frozen=True)
class ProcessState:
    """One program as the supervisor sees it: state and reason as in `Supervised`, its address, log and pid."""

    name: str
    state: str
    reason: str
    address: str
    port: int
    log: str
    pid: int | None
    restarts: int


@dataclass(frozen=True)
class State:
    """All of it. `phase` is starting, ready, stopping, stopped, failing or failed; `message` says why it failed.

    `command_apis` and `projectors`: how many instances of each are kept running.
    """

    phase: str
    message: str = ""
    processes: list[ProcessState] = field(default_factory=list)
    command_apis: int = 1
    projectors: int = 1

    def save(self, home: Home) -> None:
        """Writes the state for others to read."""
        write_whole(_path(home), json.dumps(asdict(self)))


def read_state(home: Home) -> State | None:
    """The supervisor's last word, None when there is none. It may have ended since: see `running_supervisor`."""
    try:
        content = json.loads(_path(home).read_text())
        processes = [ProcessState(**each) for each in content["processes"]]
        counts = {name: content.get(name, 1) for name in INSTANCES}
        return State(content["phase"], content["message"], processes, **counts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def as_started(settings: Settings, home: Home) -> Settings:
    """The settings, with as many instances as were started here when something was and has not been stopped."""
    state = read_state(home)
    if state is None or state.phase in ENDED:
        return settings
    return settings.model_copy(update={name: getattr(state, name) for name in INSTANCES})


def forget_state(home: Home) -> None:
    """Removes the state of a supervisor that has ended."""
    _path(home).unlink(missing_ok=True)


def running_supervisor(home: Home) -> ProcessRecord | None:
    """The supervisor of this home, if one runs now."""
    record = read(home.run / f"{SUPERVISOR}.json")
    return record if record is not None and record.process() is not None else None


def _path(home: Home) -> Path:
    return home.run / "state" / "state.json"
