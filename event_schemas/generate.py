"""Writes what follows from the event classes: ``python -m event_schemas.generate [--check]``.

JSON Schemas into ``event_schemas/schemas/``, the catalogue into ``docs/event-catalogue.md``, and what is new into
``event_schemas/shipped.lock``. A schema that would break those who wrote or read the committed one is never written:
that change is a new version. ``--check`` writes nothing and ends with 1 when a file is stale, or something that was
shipped is gone.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import event_schemas
from event_schemas import shipped
from event_schemas.catalogue import catalogue
from event_schemas.compatibility import Schema, breaks
from event_schemas.event import REGISTRY, Event

FOLDER = Path(event_schemas.__file__).parent
SCHEMAS = FOLDER / "schemas"
GOLDEN = FOLDER / "golden"
LOCK = FOLDER / "shipped.lock"
CATALOGUE = FOLDER.parent / "docs" / "event-catalogue.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Incompatible(Exception):
    """A class does not fit its committed schema any more, or what was shipped is gone; the message says where."""


def schema(cls: type[Event]) -> Schema:
    """The JSON Schema of an event's newest version."""
    return {
        "$schema": DIALECT,
        "$id": f"/event_schemas/schemas/{cls.wire_type}.json",
        **cls.model_json_schema(),
    }


def golden(wire_type: str) -> list[dict[str, Any]]:
    """The kept examples of an event version: each has a ``value``, and may have ``headers``.

    Raises ``FileNotFoundError`` when there are none yet: write some beside the new event.
    """
    examples: list[dict[str, Any]] = json.loads((GOLDEN / f"{wire_type}.json").read_text(encoding="utf-8"))
    return examples


def files() -> dict[Path, str]:
    """What every generated file has to hold.

    Raises ``Incompatible`` when a class breaks its committed schema or something shipped is gone, ``FileNotFoundError``
    for a missing example.
    """
    lock = shipped.read(LOCK.read_text(encoding="utf-8"))
    examples = [shipped.example(path.stem, one) for path in sorted(GOLDEN.glob("*.json")) for one in golden(path.stem)]
    schemas = [_shipped_schema(path) for path in sorted(SCHEMAS.glob("*.json"))]
    newest = {name: cls.version for name, cls in REGISTRY.items()}
    if lost := list(dict.fromkeys(shipped.gone(lock, [*examples, *schemas], newest))):
        raise Incompatible("\n".join(lost))
    wanted = {}
    for cls in REGISTRY.values():
        path, new = SCHEMAS / f"{cls.wire_type}.json", schema(cls)
        if path.exists() and (wrong := breaks(json.loads(path.read_text(encoding="utf-8")), new)):
            raise Incompatible(f"{cls.wire_type} needs a new version: {'; '.join(wrong)}")
        wanted[path] = json.dumps(new, indent=2, ensure_ascii=False) + "\n"
        schemas.append(shipped.schema(cls.wire_type, new))
    wanted[LOCK] = shipped.written(shipped.grown(lock, [*examples, *schemas]))
    wanted[CATALOGUE] = catalogue({cls.wire_type: golden(cls.wire_type)[0]["value"] for cls in REGISTRY.values()})
    return wanted


def _shipped_schema(path: Path) -> shipped.Line:
    return shipped.schema(path.stem, json.loads(path.read_text(encoding="utf-8")))


def stale(wanted: dict[Path, str]) -> list[Path]:
    """The files that do not hold what they have to."""
    return [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: Sequence[str]) -> int:
    """Writes what is stale, or only tells it with ``--check``; 0, or 1 with the reason on standard error."""
    try:
        wanted = files()
    except (Incompatible, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    old = stale(wanted)
    if "--check" in arguments:
        for path in old:
            sys.stderr.write(f"{path} is stale: run `python -m event_schemas.generate`\n")
        return 1 if old else 0
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    sys.stdout.write(f"{len(old)} files written, {len(wanted) - len(old)} were up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
