"""A table of texts that is never wider than it may be: its longest cells are cut, with an ellipsis at the cut."""

from collections.abc import Sequence

WIDEST = 160
BETWEEN = 2
NARROWEST = 16


def fitted(headings: Sequence[str], rows: Sequence[Sequence[str]], widest: int = WIDEST) -> list[list[str]]:
    """The rows, each cell on one line, so that the table has at most `widest` columns of characters.

    The widest column gives way first, and none below 16 characters: with very many columns it stays wider.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    excess = sum(widths) + BETWEEN * (len(widths) - 1) - widest
    for place in sorted(range(len(widths)), key=lambda each: -widths[each]):
        if excess > 0:
            narrower = min(widths[place], max(widths[place] - excess, NARROWEST, len(headings[place])))
            excess -= widths[place] - narrower
            widths[place] = narrower
    return [[shortened(cell, width) for cell, width in zip(row, widths, strict=True)] for row in cells]


def shortened(text: str, width: int) -> str:
    """The text, or as much of it as fits with an ellipsis behind; cut between two words where one ends near."""
    if len(text) <= width:
        return text
    cut = text[: width - 1]
    if text[width - 1] != " " and cut.rfind(" ") > width // 2:
        cut = cut[: cut.rfind(" ")]
    return cut.rstrip(" ,;:.") + "\u2026"
