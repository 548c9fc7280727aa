"""`doctor`: looks at this machine and at the settings; says what is fine, and what to do about what is not."""

import typer
from rich.markup import escape
from rich.table import Table

from infra.doctor.findings import Finding, Level
from infra.doctor.machine import disk, memory, python, server_binaries
from infra.doctor.surroundings import fetched, home_path, ports, proxies, servers_of_others, unknown_settings
from infra.launcher.display import console as make_console
from infra.launcher.home import Home
from infra.settings import Settings, settings

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def doctor() -> None:
    """Check this machine and the settings. Exit code 0 when nothing fails, else 1."""
    found = examine(settings())
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")
    for finding in found:
        level = f"[{COLOURS[finding.level]}]{finding.level}[/{COLOURS[finding.level]}]"
        table.add_row(level, finding.subject, escape(finding.text + (f" {finding.advice}" if finding.advice else "")))
    make_console().print(table)
    raise typer.Exit(1 if any(finding.level is Level.FAIL for finding in found) else 0)


def examine(configuration: Settings) -> list[Finding]:
    """Every finding, in the order in which a first start would meet them."""
    home = Home.of(configuration)
    return [
        python(),
        *server_binaries(configuration),
        fetched(configuration, home),
        *servers_of_others(configuration),
        *ports(configuration, home),
        home_path(home),
        disk(home),
        memory(),
        proxies(),
        *unknown_settings(),
    ]
