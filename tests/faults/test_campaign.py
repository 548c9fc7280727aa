"""The short form of the campaign. `./stockroom test --campaign` runs the long one, which draws from all faults."""

from pathlib import Path

import pytest

from tests.faults.campaign.campaign import RESUME_SECONDS, Plan, run
from tests.faults.campaign.faults import Kind, schedule
from tests.faults.campaign.rig import Rig
from tests.faults.load.client import Habits

BUSY = 3
"""So many times slower a machine may be that runs other tests beside; the long form holds itself to the bound."""
KINDS = {
    "SIGKILL": (Kind.KILL, Kind.BROKER),
    "zombie": (Kind.ZOMBIE,),
    "rebalance storm": (Kind.STORM,),
    "reads": (Kind.PROJECTORS,),
}


@pytest.mark.parametrize("name", KINDS)
async def test_no_fault_loses_doubles_or_forks_a_command(rig: Rig, tmp_path: Path, name: str) -> None:
    await rig.start_instances()
    kinds, seed = KINDS[name], list(KINDS).index(name)
    habits = Habits(lines=(5, 40))
    plan = Plan(seed, 1, len(kinds), clients=8, habits=habits, shared=True, pauses=(0.2, 0.8), reads=name == "reads")
    found = await run(rig, plan, schedule(seed, len(rig.instances), kinds), tmp_path)
    assert not found.analysis.violations, str(found.analysis)
    assert name != "zombie" or found.analysis.void > 0, "no writer was outdated: the fault proves nothing"
    assert name != "reads" or found.analysis.reads > 0
    assert max(found.resumed.values()) <= RESUME_SECONDS * BUSY, found.resumed
