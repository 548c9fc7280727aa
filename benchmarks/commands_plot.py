"""The command benchmark as a picture: latency by offered rate, and orders a second side by side."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from benchmarks.commands_alone import MANY, Alone, Setup
from benchmarks.commands_open import Opened
from benchmarks.commands_reference import best, told
from benchmarks.commands_sections import per_second
from benchmarks.commands_settled import Settled
from benchmarks.load.measured import QUANTILES

INCHES = (13, 5.2)
DOTS_PER_INCH = 110
OURS, THEIRS, FLOOR = "#2a6f97", "#bc6c25", "#adb5bd"


def plot(alone: Alone, opened: Opened, whole: Settled, path: Path) -> None:
    """Write the picture as PNG."""
    picture = Picture(figsize=INCHES, layout="constrained")
    left, right = picture.subplots(1, 2, width_ratios=(1, 1.15))
    _latencies(left, opened)
    _rates(right, alone, whole)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path, dpi=DOTS_PER_INCH)


def _latencies(axes: Axes, opened: Opened) -> None:
    rates = [run.offered or 0.0 for _, run in opened]
    for name in QUANTILES:
        axes.plot(rates, [run.ms[name] for _, run in opened], marker="o", label=name)
    axes.set(
        title="Place order, open loop, command API alone",
        xlabel="offered, orders a second",
        ylabel="from due to answered, ms",
        yscale="log",
        xlim=(0, None),
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()


def _rates(axes: Axes, alone: Alone, whole: Settled) -> None:
    bars = [(f"{setup}\n{MANY} clients", per_second(alone.loads[setup, MANY]), OURS) for setup in Setup]
    bars = [(name, rate, FLOOR if name.startswith(Setup.FLOOR) else color) for name, rate, color in bars]
    for flushed in (False, True):
        for trusted in (True, False):
            way, rate = best(alone, flushed=flushed, trusted=trusted)
            durable = "flushed" if flushed else "not flushed"
            readers = "readers miss nothing" if trusted else "best of all"
            bars.append((f"eventsourcing, {durable}, {readers}\n{told(way)}", rate, THEIRS))
    bars.append(
        (f"everything running: settled and projected\n{whole.measured.clients} clients", whole.per_second, OURS)
    )
    drawn = axes.barh([name for name, _, _ in bars], [rate for _, rate, _ in bars], color=[c for _, _, c in bars])
    axes.bar_label(drawn, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.tick_params(axis="y", labelsize=7)
    axes.set(title=f"Orders a second, medians of {len(alone.shares)} rounds", xlabel="orders a second")
