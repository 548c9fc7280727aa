"""What a benchmark has measured, as tests look at it."""

from collections.abc import Sequence

from benchmarks.figures import Figure, Section


def figures(sections: Sequence[Section], title: str) -> dict[str, Figure]:
    """The figures, by name, of the one section whose title begins so."""
    (section,) = [section for section in sections if section.title.startswith(title)]
    return {figure.name: figure for figure in section.figures}


def number(figure: Figure) -> float:
    """The value of a figure that is a number."""
    assert isinstance(figure.value, int | float)
    return figure.value
