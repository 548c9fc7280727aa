"""What states look like in a snapshot, and how its parts are read: nothing is taken for something else."""

from __future__ import annotations  # rpds's maps take type arguments in their stubs only

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from rpds import HashTrieMap, HashTrieSet

Dumped: TypeAlias = "int | str | list[Dumped] | None"
"""A JSON value of lists, strings, whole numbers and None; no objects, so that no names are repeated."""

K = TypeVar("K")
V = TypeVar("V")


def items(value: object) -> list[Any]:
    """The items of a list. Raises ``TypeError`` for anything else."""
    if type(value) is not list:
        raise TypeError(f"a list was expected, not {type(value).__name__}")
    return value


def parts(value: object, count: int) -> list[Any]:
    """The items of a list of so many. Raises ``TypeError``, or ``ValueError`` for another length."""
    found = items(value)
    if len(found) != count:
        raise ValueError(f"{count} parts were expected, not {len(found)}")
    return found


def row(value: object, *kinds: type) -> list[Any]:
    """The items of a list, one of each of these types. Raises ``TypeError``."""
    found = items(value)
    if tuple(map(type, found)) != kinds:
        raise TypeError(f"other parts were expected than {found!r:.100}")
    return found


def text(value: object) -> str:
    """A string. Raises ``TypeError`` for anything else."""
    if type(value) is not str:
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def text_or_none(value: object) -> str | None:
    """A string or None. Raises ``TypeError`` for anything else."""
    return None if value is None else text(value)


def whole(value: object) -> int:
    """A whole number. Raises ``TypeError`` for anything else, truth values too."""
    if type(value) is not int:
        raise TypeError(f"a whole number was expected, not {type(value).__name__}")
    return value


def map_of(pairs: Sequence[tuple[K, V]]) -> HashTrieMap[K, V]:
    """The map with these entries. Raises ``ValueError`` when a key is there twice."""
    found = HashTrieMap(pairs) if pairs else HashTrieMap()
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def set_of(values: Sequence[V]) -> HashTrieSet[V]:
    """The set with these members. Raises ``ValueError`` when one is there twice."""
    found = HashTrieSet(values) if values else HashTrieSet()
    if len(found) < len(values):
        raise ValueError("a member is there twice")
    return found


def entries(found: HashTrieMap[K, V]) -> list[tuple[K, V]]:
    """The entries of a map, in any order.

    The map's iterators take it apart, 1.4 µs an entry; what it gives to copy itself comes at once, 0.1 µs an entry.
    """
    pairs: list[tuple[K, V]] = found.__reduce__()[1][0]  # type: ignore[assignment]  # not in the stub
    return pairs
