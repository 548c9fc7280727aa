"""Orders to the command API alone, to its floor and to the reference, in turn, round after round."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.commands_extent import Extent
from benchmarks.commands_stage import flush_each_append
from benchmarks.load.generator import load
from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan
from benchmarks.processor_time import processor_seconds
from benchmarks.reference.runs import FOLLOWED_THREADS, Followed, follow_orders, save_orders
from benchmarks.reference.saved import Run, Saved
from benchmarks.stage import Stage
from infra.launcher.supervised import Supervised

ONE, MANY = 1, 64
"""Clients of the closed loop."""


class Setup(StrEnum):
    """What is loaded, and how durable it is before it answers."""

    UNFLUSHED = "command API, not flushed"
    FLOOR = "floor: no append"
    FLUSHED = "command API, flushed"


@dataclass(frozen=True)
class Alone:
    """Results by what was loaded and how, one per round."""

    loads: dict[tuple[Setup, int], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    """By setup and number of clients."""
    saves: dict[tuple[bool, bool, int], list[Saved]] = field(default_factory=lambda: defaultdict(list))
    """The reference's by whether it was flushed, whether it used functions, and the number of threads."""
    followed: dict[bool, Followed] = field(default_factory=dict)
    """Whether a reader of the reference's events missed any, without and with functions."""
    order_us: dict[Setup, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Processor time in microseconds of the loaded process for each order that `MANY` clients sent."""
    shares: list[dict[str, float]] = field(default_factory=list)
    """Processor time by process in cores while `MANY` clients sent to the unflushed command API."""


async def measure_alone(stage: Stage, floor: Supervised, skus: tuple[str, ...], extent: Extent) -> Alone:
    """All rounds. Policies and projectors must be stopped. Raises `LoadFailed`, `NotReached` or `ReferenceFailed`."""
    found = Alone()
    everything = {**stage.members, floor.program.name: floor}
    for _ in range(extent.rounds):
        for clients in (ONE, MANY):
            for setup in Setup:
                await flush_each_append(stage.settings, wanted=setup is Setup.FLUSHED)
                loaded = floor if setup is Setup.FLOOR else stage.members["command_api"]
                port = loaded.program.ports["command_api_port"]
                before = processor_seconds(everything)
                measured = await load(order_plan(stage, port, skus, clients, extent))
                after, name = processor_seconds(everything), loaded.program.name
                found.loads[setup, clients].append(measured)
                if clients == MANY:
                    found.order_us[setup].append((after[name] - before[name]) / measured.sent * 1e6)
                if (setup, clients) == (Setup.UNFLUSHED, MANY):
                    found.shares.append(shares(before, after, extent.seconds + extent.warm_up_seconds, measured))
        await flush_each_append(stage.settings, wanted=False)
        for flushed in (False, True):
            for functions in (False, True):
                for threads in extent.threads:
                    found.saves[flushed, functions, threads].append(
                        await save_orders(
                            stage.settings,
                            Run(threads, extent.reference_seconds, extent.warm_up_seconds, flushed, functions),
                        )
                    )
    for functions in (False, True):
        run = Run(FOLLOWED_THREADS, extent.followed_seconds, extent.warm_up_seconds, True, functions)
        found.followed[functions] = await follow_orders(stage.settings, run)
    return found


def order_plan(stage: Stage, port: int, skus: tuple[str, ...], clients: int, extent: Extent) -> Plan:
    """A closed loop of orders."""
    return Plan(
        stage.settings.host,
        port,
        skus,
        clients,
        extent.seconds,
        warm_up_seconds=extent.warm_up_seconds,
    )


def shares(before: dict[str, float], after: dict[str, float], seconds: float, measured: Measured) -> dict[str, float]:
    """Processor time in cores by process while the load ran for `seconds`, the load generator's included."""
    used = {name: round((after[name] - before[name]) / seconds, 3) for name in after if name != "commands"}
    return {**used, "load generator": round(measured.processor_share, 3)}
