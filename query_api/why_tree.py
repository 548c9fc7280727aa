"""A story as a tree: each command with the events that it left, each event with what came of it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""
Json = dict[str, Any]
MOST_DEEP = 100
"""So many commands hang below each other in one tree; writers of JSON bound how deep it may be."""


def place_of(row: Mapping[str, Any]) -> Place:
    """Where the record lies that a row of the audit, or of parked records, tells of."""
    return row["topic"], row["partition"], row["record_offset"]


def tree(
    events: Iterable[Mapping[str, Any]],
    rows: Mapping[Place, Sequence[Json]],
    dead_letters: Mapping[Place, Sequence[Json]],
    refused: Mapping[str, Sequence[Json]],
) -> list[Json]:
    """The commands that nothing shown here led to, with all that followed, oldest first.

    ``events`` are rows of the audit with their topic, in the order in which they are to be told. A command hangs below
    the event that it names as its cause; what was refused hangs below its cause by that event's id. What is deeper than
    `MOST_DEEP` begins a tree of its own.
    """
    happened = {event["event_id"]: _event(event, rows, dead_letters, refused) for event in events}
    commands: dict[str, Json] = {}
    command_of: dict[str, str] = {}
    for event in happened.values():
        told = event.pop("command")
        command = commands.setdefault(told["id"], {**told, "events": []})
        command["events"].append(event)
        command_of[event["id"]] = command["id"]
    above = {name: command_of.get(command["causation_id"]) for name, command in commands.items()}
    for name in commands:
        if _causes_itself(name, above):
            above[name] = None
    for name in [name for name in commands if (deep := _depth(name, above)) and deep % MOST_DEEP == 0]:
        above[name] = None
    roots: list[Json] = []
    for name, command in commands.items():
        (roots if above[name] is None else happened[command["causation_id"]]["then"]).append(command)
    return roots


def _causes_itself(name: str, above: Mapping[str, str | None]) -> bool:
    """Whether a command is among those that led to it, as a client may claim that says itself what its cause is."""
    cause, seen = above[name], set[str]()
    while cause is not None and cause != name and cause not in seen:
        seen.add(cause)
        cause = above[cause]
    return cause == name


def _depth(name: str, above: Mapping[str, str | None]) -> int:
    """How many commands led to one."""
    deep, cause = 0, above[name]
    while cause is not None:
        deep, cause = deep + 1, above[cause]
    return deep


def by_place(found: Iterable[tuple[Place, Json]]) -> dict[Place, list[Json]]:
    """What was found, by the record that it is of."""
    gathered: dict[Place, list[Json]] = defaultdict(list)
    for place, one in found:
        gathered[place].append(one)
    return gathered


def _event(
    event: Mapping[str, Any],
    rows: Mapping[Place, Sequence[Json]],
    dead_letters: Mapping[Place, Sequence[Json]],
    refused: Mapping[str, Sequence[Json]],
) -> Json:
    place = place_of(event)
    names = ("type", "subject", "topic", "partition", "at", "appended_at")
    command = {"id": event["command_id"], **{name: event[name] for name in ("actor", "causation_id", "correlation_id")}}
    return {
        "id": event["event_id"],
        **{name: event[name] for name in names},
        "version": event["sequence"],
        "offset": event["record_offset"],
        "rows": list(rows.get(place, ())),
        "dead_letters": list(dead_letters.get(place, ())),
        "refused": list(refused.get(event["event_id"], ())),
        "then": [],
        "command": command,
    }
