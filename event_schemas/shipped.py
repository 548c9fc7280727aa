"""What was ever shipped, in `shipped.lock`: a line for each example and schema, with its hash. Lines are only added.

Schemas and examples are compared with what is committed, so a change of class and files together would compare with
itself. It does not get past the lock: what it names must still be there.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Line(NamedTuple):
    """One thing that was shipped: an ``example`` or a ``schema`` of an event version."""

    kind: str
    wire_type: str
    digest: str


def example(wire_type: str, shown: Any) -> Line:
    """The line of an example (JSON data, with its headers)."""
    return Line("example", wire_type, _digest(shown))


def schema(wire_type: str, shown: Any) -> Line:
    """The line of a schema (JSON data)."""
    return Line("schema", wire_type, _digest(shown))


def read(text: str) -> list[Line]:
    """The lines of a lock file, oldest first."""
    return [Line(*line.split()) for line in text.splitlines()]


def written(lines: Sequence[Line]) -> str:
    """The text of a lock file."""
    return "".join(f"{' '.join(line)}\n" for line in lines)


def grown(lock: Sequence[Line], present: Sequence[Line]) -> list[Line]:
    """The lock with what is there now: what it lacks comes at its end."""
    return [*lock, *(line for line in present if line not in lock)]


def gone(lock: Sequence[Line], present: Sequence[Line], newest: Mapping[str, int]) -> Iterator[str]:
    """What was shipped and is not there any more. ``newest`` is the newest version by wire name.

    Every example must be there. Of schemas the last one of each version must be: a version grows, and
    ``compatibility`` sees to it that it only grows.
    """
    last = {line.wire_type: line for line in lock if line.kind == "schema"}
    for line in lock:
        name, _, version = line.wire_type.rpartition(".v")
        if newest.get(name, 0) < int(version):
            yield f"{line.wire_type} was shipped, and nothing reads it any more"
        elif line.kind == "example" and line not in present:
            yield f"golden/{line.wire_type}.json: an example that was shipped is gone or changed. Bring it back"
        elif line is last.get(line.wire_type) and line not in present:
            yield f"schemas/{line.wire_type}.json is not what was shipped. Bring it back, and generate it"


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
