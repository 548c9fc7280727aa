"""What a campaign does to the processes, drawn from a seed: the same seed gives the same faults in the same order."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.campaign.rig import Rig


class Kind(StrEnum):
    """What happens to whom."""

    KILL = "SIGKILL, started again at once"
    DEATH = "SIGKILL, away for 5 s"
    BLINK = "SIGSTOP for 0.5 s"
    NAP = "SIGSTOP for 2 s"
    ZOMBIE = "SIGSTOP for 5 s, past the take-over"
    LEAVE = "SIGTERM, started again"
    STORM = "rebalance storm: several leave and join"
    BROKER = "SIGKILL of the broker"
    DATABASE = "SIGKILL of PostgreSQL"
    PROJECTORS = "SIGKILL of the projectors"


PAUSES = {Kind.BLINK: 0.5, Kind.NAP: 2.0, Kind.ZOMBIE: 5.0}
AWAY_SECONDS = 5.0
STORM_SECONDS = 1.0
STORM_RESTARTS = 4
ALL = (*Kind, Kind.ZOMBIE, Kind.KILL)
"""What the long form draws from; what finds most is in it twice."""


@dataclass(frozen=True)
class Fault:
    """A fault and the instances it strikes, in their order."""

    kind: Kind
    instances: tuple[int, ...]


def schedule(seed: int, instances: int, kinds: Sequence[Kind] = ALL) -> Iterator[Fault]:
    """Faults without end: all kinds once in a drawn order, then all again in another."""
    rng = random.Random(f"faults/{seed}")
    while True:
        for kind in rng.sample(list(kinds), len(kinds)):
            yield Fault(kind, tuple(rng.randrange(instances) for _ in range(STORM_RESTARTS)))


async def inject(rig: Rig, fault: Fault) -> None:
    """Let the fault happen; returns when it is healed: a process is started or goes on, a server answers again."""
    instance = rig.instances[fault.instances[0]]
    match fault.kind:
        case Kind.KILL | Kind.DEATH:
            await instance.kill()
            if fault.kind is Kind.DEATH:
                await asyncio.sleep(AWAY_SECONDS)
            await instance.start()
        case Kind.BLINK | Kind.NAP | Kind.ZOMBIE:
            instance.pause()
            await asyncio.sleep(PAUSES[fault.kind])
            instance.resume()
        case Kind.LEAVE:
            await instance.stop()
            await instance.start()
        case Kind.STORM:
            await _storm(rig, fault.instances)
        case Kind.BROKER:
            await rig.kill_server("kafka")
        case Kind.DATABASE:
            await rig.kill_server("postgres")
        case Kind.PROJECTORS:
            await rig.projectors.kill()
            await rig.projectors.start()


async def _storm(rig: Rig, instances: Sequence[int]) -> None:
    """Several leave and join within a few seconds, so that the group never comes to rest."""
    for number in instances:
        await rig.instances[number].stop()
        await rig.instances[number].start()
        await asyncio.sleep(STORM_SECONDS / len(instances))
