"""The project's own writers, several instances in contention, in a simulated world. A seed replays a run."""

import os
import subprocess
import sys

from infra.settings import REPOSITORY
from tests.contract.model.run import RUNS, run, run_all


def test_no_interleaving_pause_crash_or_loss_makes_the_write_path_lie() -> None:
    traces = run_all()
    assert sum(trace.acknowledged for trace in traces) > RUNS * 40
    outcomes = {outcome for trace in traces for *_, outcome in trace.attempts}
    assert outcomes >= {
        "Answer", "Refused", "VersionConflict", "KeyReused", "InProgress", "HeldElsewhere", "NotReady", "UnknownOutcome"
    }  # fmt: skip


def test_a_seed_replays_a_run_in_a_process_with_other_hashes() -> None:
    program = "from tests.contract.model.run import run; print(repr(run(3)))"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == repr(run(3))


def test_a_seed_replays_a_run_exactly() -> None:
    assert [run(seed) for seed in (3, 4)] == [run(seed) for seed in (3, 4)]
    assert run(3) != run(4)


def test_a_writer_that_left_while_it_waited_for_the_store_takes_no_keys_from_its_successor() -> None:
    run(3271)
