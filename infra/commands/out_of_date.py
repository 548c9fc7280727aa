"""Which read models serve a version that the code does not fill, and what helps, for `status`."""

from typing import Any


def out_of_date(projections: list[dict[str, Any]]) -> list[str]:
    """A line for each projection that serves another version than its code makes, with what helps."""
    lines = []
    for each in projections:
        if each.get("out_of_date"):
            name, version, wanted = each["name"], each["version"], each["wanted_version"]
            line = f"out of date: {name} serves version {version}, the code is version {wanted}: "
            line += f"./stockroom rebuild {name}"
            if each.get("kept_version") == wanted:
                line += (
                    f", or ./stockroom rollback {name} (generation {each['kept_generation']} is of version {wanted})"
                )
            lines.append(line)
    return lines
