"""A process that fills some partitions of a rebuild. It owns nothing: each commit proves that its turn is still on.

What it is to do comes as its one argument; its progress goes to standard output, where a line that cannot be written
ends it (``Unheard``), so that it does not outlive the rebuild by more than a chunk.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import orjson

from infra.log_batch import LogBroken
from infra.settings import Settings
from projectors.read_models.registry import named
from projectors.rebuilds.fill import CHUNK, Filler, Member
from projectors.rebuilds.row import RebuildRefused, damaged
from projectors.stores.connect import connect_postgres, connect_redis, store_of
from projectors.stores.sorting import Decoder
from projectors.stores.store import StoreDamaged

PASSED = "passed"
REFUSED = "refused"


class Unheard(Exception):
    """Nobody reads what a worker tells, so its rebuild is gone. No ``OSError``: that would be a server to wait for."""


class Part(NamedTuple):
    """A generation that is filled."""

    projection: str
    generation: int
    bulk: bool
    """By COPY, into tables without keys."""


class Share(NamedTuple):
    """What one worker does: these generations, up to these ends by partition."""

    topic: str
    parts: Sequence[Part]
    ends: Mapping[int, int]
    chunk: int = CHUNK
    """So many records at a time."""

    def to_json(self) -> str:
        """As a worker's argument."""
        parts = [[*part] for part in self.parts]
        return orjson.dumps(
            {"topic": self.topic, "parts": parts, "ends": [*self.ends.items()], "chunk": self.chunk}
        ).decode()

    @classmethod
    def from_json(cls, text: str) -> "Share":
        """The same again. Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else."""
        data = orjson.loads(text)
        return cls(data["topic"], [Part(*part) for part in data["parts"]], dict(data["ends"]), data["chunk"])


async def fill(settings: Settings, share: Share) -> int:
    """Fill a share; the exit code: 0, or 1 after a line that says why it was refused, or when nobody hears it."""
    async with connect_postgres(settings, 2) as pool, connect_redis(settings) as redis:
        members = []
        for part in share.parts:
            projection = named(part.projection)
            bulk = projection.bulk if part.bulk else None
            store = store_of(pool, redis, projection, Decoder(0), rebuilding=part.generation, bulk=bulk)
            members.append(Member(store, _telling(part.projection)))
        try:
            await Filler(settings.bootstrap_servers, share.topic, pool, members, share.chunk).fill(share.ends)
        except (RebuildRefused, LogBroken) as error:
            _tell({REFUSED: str(error)})
            return 1
        except StoreDamaged as error:
            _tell({REFUSED: str(damaged(error))})
            return 1
        except Unheard:
            return 1
    return 0


def _telling(projection: str) -> Callable[[int], None]:
    return lambda records: _tell({PASSED: [projection, records]})


def _tell(line: Mapping[str, object]) -> None:
    try:
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        raise Unheard from error
