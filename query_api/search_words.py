"""What somebody searches for, as codes and as words that are being typed. Pure."""

import re

_WORD = re.compile(r"\w+")
_OPERATOR = re.compile(r"""(^|\s)-|"|\bor\b""")


def code(words: str) -> str:
    """What was searched for as a SKU or ISBN would be written: `0-439-02348-3` is 0439023483, `85123a` is 85123A."""
    joined = words.upper().replace(" ", "")
    digits = joined.replace("-", "")
    return digits if digits[:-1].isdecimal() and len(digits) in (10, 13) else joined


def prefix_query(words: str) -> str:
    """The words as `to_tsquery` takes them, the last one as the beginning of a word, as while somebody types.

    Nothing where the words hold operators (`-`, quotes, `or`), which only `websearch_to_tsquery` understands.
    """
    if _OPERATOR.search(words):
        return ""
    found = _WORD.findall(words)
    return " & ".join([*(f"'{word}'" for word in found[:-1]), *(f"'{word}':*" for word in found[-1:])])
