"""Figures in the text format of Prometheus, for `GET /metrics`.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from starlette.responses import Response

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Metric(NamedTuple):
    """A name with its samples: labels and value, None where it is not known; such a sample is left out."""

    name: str
    kind: Literal["gauge", "counter"]
    told: str
    samples: Iterable[tuple[Mapping[str, object], float | None]]


def metrics_answer(metrics: Iterable[Metric]) -> Response:
    """All of them, as Prometheus reads them."""
    lines = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.told}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            if value is not None:
                named = ",".join(f'{name}="{str(label).translate(_ESCAPED)}"' for name, label in labels.items())
                lines.append(f"{metric.name}{{{named}}} {float(value)!r}")
    return Response("\n".join(lines) + "\n", headers={"Content-Type": MEDIA_TYPE})
