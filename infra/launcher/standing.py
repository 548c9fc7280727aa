"""What a person is told of what is up: what runs where, and what to try next."""

from rich.console import Console
from rich.table import Table

from infra.launcher.home import Home
from infra.launcher.state import State, read_state
from infra.setting_forms import INSTANCES
from infra.settings import Settings

NAMES = {"command_apis": "Command APIs", "projectors": "Projectors"}
NEXT = """
Try next:
  ./stockroom demo                      a guided tour
  ./stockroom status                    what runs, and how far each projection is
  ./stockroom kafka-topics --list       Kafka's own tools
  ./stockroom logs command_api -f       a log
  ./stockroom down                      stops everything; the data stays"""


def tell_ready(console: Console, state: State) -> None:
    """Everything is ready."""
    console.print()
    console.print(table_of(state))
    console.print(NEXT, markup=False)


def tell_already_up(console: Console, settings: Settings, home: Home) -> int:
    """It was up before. The exit code: 1 when another number of instances was asked for than is up, else 0."""
    state = read_state(home)
    console.print(f"Already up ({home.root}).")
    if state is None:
        return 0
    console.print(table_of(state))
    asked = {name: getattr(settings, name) for name in INSTANCES if name in settings.model_fields_set}
    differ = [
        f"{NAMES[name]} up: {up}, asked for: {count}. "
        for name, count in asked.items()
        if count != (up := getattr(state, name))
    ]
    if differ:
        console.print(f"\n{''.join(differ)}Nothing was changed. To change it: ./stockroom down, then up again.")
    return 1 if differ else 0


def table_of(state: State) -> Table:
    """What runs where: name, address, pid, log."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "address", "pid", "log"):
        table.add_column(heading, overflow="fold")
    for process in state.processes:
        table.add_row(process.name, process.address, str(process.pid or "-"), process.log)
    return table
