"""Read models: how fast they are rebuilt, how fresh they are. Each part has servers of its own and can run alone."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from benchmarks import (
    poison,
    projections_follower,
    projections_fresh,
    projections_rebuild,
    projections_throttled,
    projections_together,
)
from benchmarks.figures import Section
from benchmarks.projections_extent import Extent

PARTS: Mapping[str, Callable[[Extent], Coroutine[Any, Any, list[Section]]]] = {
    "rebuild": projections_rebuild.measure,
    "together": projections_together.measure,
    "throttled": projections_throttled.measure,
    "freshness": projections_fresh.measure,
    "follower": projections_follower.measure,
    "poison": poison.measure,
}
"""By name. Each writes a result of its own, `projections_NAME`."""
