"""Renders the event catalogue: every event in business language, with its fields, its key and an example."""

import inspect
import json
from collections.abc import Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from event_schemas.event import REGISTRY, Event
from event_schemas.holder import BEAT, CLAIMED
from event_schemas.topics import TOPICS

HEAD = f"""# Event catalogue

Generated from the classes in `event_schemas/` by `python -m event_schemas.generate`; do not edit it by hand.

Each event is a record in the topic of its aggregate: the key is the aggregate's id, the value is the JSON shown here,
and the envelope (who, when, why) stands in the headers, see `event_schemas/envelope.py`. A field that has nothing to
say is left out. Readers ignore fields that they do not know. The JSON Schemas are in `event_schemas/schemas/`.

Beside the events, every topic holds the records by which writers take and keep a partition, `{CLAIMED}` and
`{BEAT}`: they are no events, see `event_schemas/holder.py`.
"""

PLAIN = {str: "text", int: "whole number", datetime: "time", AwareDatetime: "time", bool: "yes or no"}


def catalogue(examples: Mapping[str, Any]) -> str:
    """The catalogue as Markdown. ``examples`` maps each wire type to a value (JSON data) that it may have."""
    parts = [HEAD]
    models: dict[str, type[BaseModel]] = {}
    for topic in TOPICS:
        parts.append(f"## Topic `{topic.name}`\n\nKey: `{topic.key}`. Aggregates: {', '.join(topic.aggregates)}.\n")
        events = [cls for cls in REGISTRY.values() if cls.topic == topic.name]
        parts += [_event(cls, examples[cls.wire_type], models) for cls in events]
    parts.append("## Parts\n\nWhat stands inside the fields of several events.\n")
    seen: set[str] = set()
    while left := sorted(models.keys() - seen):
        for name in left:
            seen.add(name)
            parts.append(f"### {name}\n\n{_doc(models[name])}\n\n{_table(models[name], models)}")
    return "\n".join(parts)


def _event(cls: type[Event], example: Any, models: dict[str, type[BaseModel]]) -> str:
    value = json.dumps(example, indent=2, ensure_ascii=False)
    older = "".join(
        f"\n`{cls.wire_name}.v{version}` is still read. {inspect.getdoc(upcast)}\n"
        for version, upcast in sorted(cls.upcasts.items())
    )
    return (
        f"### `{cls.wire_type}`\n\n{_doc(cls)}\n\n{_table(cls, models)}{older}\n<details><summary>Example</summary>\n\n"
        f"```json\n{value}\n```\n\n</details>\n"
    )


def _doc(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "").replace("``", "`")


def _table(cls: type[BaseModel], models: dict[str, type[BaseModel]]) -> str:
    rows = ["| field | type | |", "|---|---|---|"]
    for name, field in cls.model_fields.items():
        always = "always" if field.is_required() else "optional"
        note = f"{always}. {field.description}" if field.description else always
        rows.append(f"| `{name}` | {_type(field.annotation, models)} | {note} |")
    return "\n".join(rows) + "\n"


def _type(annotation: Any, models: dict[str, type[BaseModel]]) -> str:
    """A type as the catalogue names it; the models that it mentions are added to ``models``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return " or ".join(_type(one, models) for one in arguments if one is not NoneType)
    if origin is tuple:
        return f"list of {_type(arguments[0], models)}"
    if origin is dict:
        return f"{_type(arguments[1], models)} by {_type(arguments[0], models)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        models[annotation.__name__] = annotation
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if hasattr(annotation, "__members__"):
        return ", ".join(f"`{value}`" for value in annotation)
    return PLAIN.get(annotation, str(annotation))
