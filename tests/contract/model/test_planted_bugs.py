"""Each bug that is planted into the project's own writer must be caught, or the model would prove nothing."""

import pytest

from tests.contract.model.history import Violation
from tests.contract.model.planted import PLANTS, Plant
from tests.contract.model.planted_in_snapshots import SNAPSHOT_PLANTS
from tests.contract.model.run import RUNS, run_all

MOST_RUNS = 10 * RUNS
"""All are caught within ``RUNS`` today, the rarest about once in sixty; other code may move their seeds."""


@pytest.mark.parametrize("plant", [*PLANTS, *SNAPSHOT_PLANTS], ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(Violation):
        run_all(MOST_RUNS)
