"""The project's own writers, several instances in contention, in a simulated world. A seed replays a run."""

from tests.contract.model.run import RUNS, run, run_all


def test_no_interleaving_pause_crash_or_loss_makes_the_write_path_lie() -> None:
    traces = run_all()
    assert sum(trace.acknowledged for trace in traces) > RUNS * 40
    outcomes = {outcome for trace in traces for *_, outcome in trace.attempts}
    assert outcomes >= {
        "Answer", "Refused", "VersionConflict", "KeyReused", "InProgress", "HeldElsewhere", "NotReady", "UnknownOutcome"
    }  # fmt: skip


def test_a_seed_replays_a_run_exactly() -> None:
    assert [run(seed) for seed in (3, 4)] == [run(seed) for seed in (3, 4)]
    assert run(3) != run(4)
