"""What somebody searches for: as codes, as words that are being typed, and what must not be found. Pure."""

import re
from typing import NamedTuple

_WORD = re.compile(r"\w+")
_TERM = re.compile(r'-+"[^"]*(?:"|$)|"[^"]*"|[^\s"]+')
"""A phrase that is excluded may lack its end, as while somebody types: else its words would be wanted."""
_OPERATOR = re.compile(r"""(^|\s)-+[^\s-]|"|\bor\b""")


class Words(NamedTuple):
    """What is wanted, as `websearch_to_tsquery` takes it, and each word or phrase with a `-` before it."""

    wanted: str
    excluded: tuple[str, ...]


def words_of(text: str) -> Words:
    """The words of a folded text. A `-` that stands alone excludes nothing: names are often written so."""
    wanted: list[str] = []
    excluded: list[str] = []
    for term in _TERM.findall(text):
        bare = term.lstrip("-")
        if term.startswith("-") and bare.strip('" '):
            excluded.append(bare if bare.count('"') != 1 else f'{bare}"')
        elif bare and bare == term:
            wanted.append(bare)
    return Words(" ".join(wanted), tuple(excluded))


def codes(text: str) -> list[str]:
    """What was searched for as a SKU or ISBN would be written: `0-439-02348-3` is 0439023483, `85123a` is 85123A, and
    `dog can 5` may be that or DOGCAN5. None where words are excluded."""
    if words_of(text).excluded:
        return []
    spaced = text.upper()
    joined = spaced.replace(" ", "")
    digits = joined.replace("-", "")
    return [digits] if digits[:-1].isdecimal() and len(digits) in (10, 13) else sorted({joined, spaced})


def has_operators(text: str) -> bool:
    """Whether a folded text says how its words are meant: with `-`, quotes or `or`."""
    return _OPERATOR.search(text) is not None


def prefix_query(text: str) -> str:
    """The words as `to_tsquery` takes them, the last one as the beginning of a word, as while somebody types.

    Nothing where the words hold operators, which only `websearch_to_tsquery` understands.
    """
    if has_operators(text):
        return ""
    found = _WORD.findall(text)
    return " & ".join([*(f"'{word}'" for word in found[:-1]), *(f"'{word}':*" for word in found[-1:])])
