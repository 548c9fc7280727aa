"""Compares two JSON Schemas of one event version: what of the new one would break those who wrote or read the old one.

Only additions are compatible: a new field with a default, a new value of an enumeration, a looser bound. Everything
else is a new version with an upcast.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
EXACT = ("pattern", "multipleOf", "uniqueItems")


def breaks(old: Schema, new: Schema) -> list[str]:
    """Every reason why ``new`` is not compatible with ``old``, with the path of the field; empty when it is."""
    return list(_compare("", old, new, old, new))


def _compare(path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    where = path or "the event"
    if _kinds(old, old_root) - _kinds(new, new_root):
        yield f"{where}: type changed from {sorted(_kinds(old, old_root))} to {sorted(_kinds(new, new_root))}"
        return
    yield from _bounds(where, old, new)
    yield from _values(where, old, new)
    for name in EXACT:
        if new.get(name) not in {None, old.get(name)}:
            yield f"{where}: {name} changed"
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name in old_fields.keys() - new_fields.keys():
        yield f"{path}/{name}: removed"
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{path}/{name}: required, and was not"
    for name in sorted(old_fields.keys() & new_fields.keys()):
        yield from _default(f"{path}/{name}", old_fields[name], new_fields[name], name in new.get("required", ()))
        yield from _compare(f"{path}/{name}", old_fields[name], new_fields[name], old_root, new_root)
    for part in ("items", "additionalProperties"):
        if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
            yield from _compare(f"{path}/{part}", old[part], new[part], old_root, new_root)
    yield from _alternatives(path, old, new, old_root, new_root)


def _alternatives(path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[str]:
    """Each alternative of the old one against the new one's of the same kind; a field that became optional is one."""
    if "anyOf" not in old and "anyOf" not in new:
        return
    candidates = new.get("anyOf", [new])
    for alternative in old.get("anyOf", [old]):
        kinds = _kinds(alternative, old_root)
        match = next((c for c in candidates if kinds <= _kinds(c, new_root)), None)
        if match is not None and (alternative is not old or match is not new):
            yield from _compare(path, alternative, match, old_root, new_root)


def _bounds(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for name in LOWER_BOUNDS:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{where}: {name} raised to {new[name]}"
    for name in UPPER_BOUNDS:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{where}: {name} lowered to {new[name]}"


def _values(where: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = _named_values(old), _named_values(new)
    if after is None:
        return
    if before is None:
        yield f"{where}: values limited to {_listed(after)}"
    elif removed := [value for value in before if value not in after]:
        yield f"{where}: values removed: {_listed(removed)}"


def _named_values(schema: Schema) -> list[Any] | None:
    """The only values that are allowed; None where any is."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _listed(values: list[Any]) -> str:
    return ", ".join(sorted(map(str, values)))


def _default(where: str, old: Schema, new: Schema, is_required: bool) -> Iterator[str]:
    """An event that was written without the field must not come to say something else."""
    if "default" in old and not is_required and new.get("default", ...) != old["default"]:
        yield f"{where}: default changed from {old['default']!r} to {new.get('default', 'one that is made')!r}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _kinds(schema: Schema, root: Schema) -> set[str]:
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return {kind for alternative in schema["anyOf"] for kind in _kinds(alternative, root)}
    kind, form = schema.get("type", "any"), schema.get("format")
    return {f"{kind} ({form})" if form else str(kind)}
