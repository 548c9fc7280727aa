"""Runs `redis_commit.lua`, and says what its answer means."""

from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from infra.log_batch import Batch
from projectors.stores import redis_keys as names
from projectors.stores.redis_answer import answered
from projectors.stores.redis_positions import damage
from projectors.stores.store import (
    GenerationMoved,
    NotCommitted,
    ParkedKeys,
    PositionMoved,
    StoreDamaged,
    SwitchUnderWay,
    last_appended_ms,
)

_COMMIT = Path(__file__).with_name("redis_commit.lua").read_text()
_REFUSALS: dict[bytes, tuple[type[NotCommitted], str]] = {
    b"position": (PositionMoved, "another worker is ahead, Redis lost its data, or parked records were taken out"),
    b"generation": (GenerationMoved, "another generation is active"),
    b"switch": (SwitchUnderWay, "a rebuild is switching, or a retry has its turn"),
}

Step = dict[str, str | int]


class Refused(Exception):
    """The script refused commands before it changed anything: why, by their index from 0."""

    def __init__(self, why: dict[int, str]) -> None:
        super().__init__(why)
        self.why = why


class CommitScript:
    """The script, for a projection."""

    def __init__(self, redis: Redis, projection: str) -> None:
        self._script = redis.register_script(_COMMIT)
        self._projection = projection

    async def run(self, prefix: str, serving: int | None, around: dict[str, Any], commands: list[list[str]]) -> None:
        """Run it with commands, and what is ``around`` them, over the generation of a prefix; ``serving`` is its number
        when it must be the one that serves. Raises ``Refused``, ``NotCommitted`` or ``StoreDamaged``.
        """
        name = self._projection
        keys = [
            f"{prefix}pos",
            f"{prefix}parked",
            f"{prefix}uncopied",
            names.active_key(name),
            names.switching_key(name),
            names.retrying_key(name),
        ]
        wanted = "" if serving is None else str(serving)
        args: list[str | bytes] = [wanted, orjson.dumps({**around, "commands": commands})]
        answer = await answered(self._script(keys=keys, args=args))
        if answer[0] == b"refused":
            pairs = zip(answer[1::2], answer[2::2], strict=True)
            raise Refused({int(number) - 1: why.decode(errors="replace") for number, why in pairs})
        if answer[0] == b"damaged":
            raise StoreDamaged(stops(name, damage(answer[1])))
        if answer[0] != b"ok":
            kind, why = _REFUSALS[answer[0]]
            raise kind(f"{name}: {why}")


def stops(projection: str, fault: str) -> str:
    """Why a projection stops, and what helps."""
    return f"{projection} {fault}: run `./stockroom rebuild {projection}`"


def step_over(batch: Batch, parked: ParkedKeys, parkings: int) -> Step:
    """The step of a batch as the script takes it, which parks so many records."""
    return {
        "partition": str(batch.partition),
        "before": batch.before.next_offset,
        "after": batch.after.next_offset,
        "epoch": batch.after.holder.epoch,
        "writer": batch.after.holder.writer,
        "appended_ms": last_appended_ms(batch),
        "void": batch.void,
        "unparked": parked.unparked[batch.partition],
        "parkings": parkings,
    }
