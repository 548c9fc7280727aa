"""Reads what `/metrics` answers, strictly, as Prometheus does."""

import re

_LINE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')

Samples = dict[tuple[str, ...], float]
"""By the values of the labels, in their order."""


def parsed(text: str) -> dict[str, Samples]:
    """The samples by name. Fails for what is not in the format: a line that cannot be read, a name without HELP and
    TYPE before it, a sample twice."""
    assert text.endswith("\n")
    found: dict[str, Samples] = {}
    helped: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helped - found.keys(), line
            assert kind in {"gauge", "counter"}, line
            assert (kind == "counter") == name.endswith("_total"), line
            found[name] = {}
        else:
            sample = _LINE.fullmatch(line)
            assert sample is not None, line
            assert sample[1] in found, line
            labels = tuple(value for _, value in _LABEL.findall(sample[2]))
            assert labels not in found[sample[1]], line
            found[sample[1]][labels] = float(sample[3])
    return found
