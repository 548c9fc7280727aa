"""How far each projection is, as metrics: the same names from every process that knows it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from starlette.responses import Response

from infra.http.metrics import Metric, metrics_answer

Described = Mapping[str, Any]
"""A projection with `name` and `partitions`, of which each has `partition`; what else is there is told."""


def projection_metrics(projections: Sequence[Described]) -> Response:
    """What is known of them; a figure that is missing or None is left out."""

    def of_partitions(key: str) -> Iterator[tuple[Mapping[str, object], float | None]]:
        for one in projections:
            for partition in one["partitions"]:
                yield {"projection": one["name"], "partition": partition["partition"]}, partition[key]

    def of_all(key: str) -> Iterator[tuple[Mapping[str, object], float | None]]:
        for one in projections:
            yield {"projection": one["name"]}, one.get(key)

    figures: Iterable[tuple[str, str, Callable[[str], Any], Literal["gauge", "counter"]]] = (
        ("lag_seconds", "Age of the first record that is not applied, 0 when there is none.", of_partitions, "gauge"),
        ("lag_events", "Records that are not applied yet.", of_partitions, "gauge"),
        ("void_total", "Records that never happened: their writer had lost the partition.", of_partitions, "counter"),
        ("parked_records", "Records that were set aside because they cannot be applied.", of_all, "gauge"),
        ("oldest_parked_seconds", "Age of the oldest record that is set aside, 0 when there is none.", of_all, "gauge"),
        ("out_of_date", "1 when the running code needs tables of another version: a rebuild is due.", of_all, "gauge"),
    )
    return metrics_answer(
        Metric(f"stockroom_projection_{name}", kind, told, samples(name.removesuffix("_total")))
        for name, told, samples, kind in figures
    )
