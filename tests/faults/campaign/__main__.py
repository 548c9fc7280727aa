"""`./stockroom test --campaign`: the long form. Its servers and processes are its own and gone at the end.

Where an invariant is broken, history, log and violations stay in the folder that is named at the end.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import uvloop

from benchmarks.figures import Result
from benchmarks.machine import load, machine, now
from infra.launcher.display import console as make_console
from infra.process import READING
from infra.settings import Settings
from tests.faults.campaign import report
from tests.faults.campaign.campaign import Found, Plan, run
from tests.faults.campaign.faults import schedule
from tests.faults.campaign.rig import running_rig

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
INSTANCES = 3


@cli.command(help=__doc__)
def campaign(
    seed: Annotated[int, typer.Option(help="Draws load and faults; the same seed gives the same.")] = 1,
    commands: Annotated[int, typer.Option(min=1, help="Acknowledged commands, at least.")] = 200_000,
    faults: Annotated[int, typer.Option(min=1, help="Faults, at least.")] = 30,
    save: Annotated[bool, typer.Option(help="Write benchmarks/results/campaign.json.")] = True,
) -> None:
    """Run it; ends with exit code 1 when an invariant is broken."""
    gc.set_threshold(*READING)
    arguments = f"--seed {seed} --commands {commands} --faults {faults}"
    result = Result("campaign", f"./stockroom test --campaign {arguments}", now(), machine())
    folder = Settings().home.expanduser().absolute() / "campaign" / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    with _home() as home:
        found = uvloop.run(_run(Plan(seed, commands, faults, reads=True, console=True), home, folder))
    result = replace(result, machine={**result.machine, "load_after": load()}, sections=report.sections(found))
    console = make_console()
    result.show(console)
    if save:
        console.print(f"written to {result.save()}")
    if not result.holds:
        console.print(f"{found.analysis}\nHistory, log and violations are in {folder}", markup=False)
        sys.exit(1)


async def _run(plan: Plan, home: Path, folder: Path) -> Found:
    async with running_rig(home, INSTANCES) as rig:
        await rig.start_instances()
        return await run(rig, plan, schedule(plan.seed, INSTANCES), folder)


@contextmanager
def _home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="stockroom-campaign-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    cli(prog_name="stockroom test --campaign")
