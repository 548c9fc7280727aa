"""`./stockroom import retail|books FILE`: reads, plans, sends, reports. Exit code 1 when something was refused."""

import asyncio
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.imports import books, retail, retail_rows
from infra.imports.books_import import import_books
from infra.imports.bulk_client import ImportStopped
from infra.imports.csv_rows import NotThatForm, Table, read_table, table
from infra.imports.progress import ImportProgress
from infra.imports.report import Outcome
from infra.imports.retail_import import import_retail
from infra.imports.sample import sample_csv
from infra.launcher.display import console as make_console
from infra.settings import settings


class Form(StrEnum):
    """What a file is of."""

    RETAIL = "retail"
    BOOKS = "books"


def import_file(
    *,
    form: Annotated[Form, typer.Argument(help="What the file is of.")],
    file: Annotated[Path | None, typer.Argument(help="A CSV file, plain or .gz.", show_default=False)] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Retail: a small generated file instead of FILE.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=999_999, help="Seed of the sample.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and report; send nothing.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until every order is settled and the read models show it.")] = True,
    copies: Annotated[int, typer.Option(min=0, max=1_000_000, help="Books: copies of each to receive.")] = 0,
    price: Annotated[str, typer.Option(help="Books: price of each in GBP; the file has none.")] = "0",
) -> None:
    """Import a file of another shop or library, through commands only. A second run changes nothing."""
    console = make_console()
    try:
        content = _read(form, file, sample, seed)
        with ImportProgress(console) as progress:
            if form is Form.RETAIL:
                refused = _retail(content, console, progress, dry_run=dry_run, wait=wait)
            else:
                pence = _pence(price)
                refused = _books(content, console, progress, dry_run=dry_run, wait=wait, pence=pence, copies=copies)
    except NotThatForm as error:
        make_console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(2) from error
    except ImportStopped as error:
        told = f"The import stopped: {error}\nRun it again: what is done is not done twice."
        make_console(stderr=True).print(told, markup=False)
        raise typer.Exit(1) from error
    if refused:
        raise typer.Exit(1)


def _read(form: Form, file: Path | None, sample: bool, seed: int) -> Table:
    if sample == (file is not None):
        raise typer.BadParameter("give a FILE, or --sample")
    if form is Form.BOOKS:
        if file is None:
            raise typer.BadParameter("there is no sample of books; give a FILE")
        return read_table(file, books.COLUMNS)
    if file is None:
        return table(sample_csv(seed), retail_rows.COLUMNS, "the sample")
    return read_table(file, retail_rows.COLUMNS)


def _pence(price: str) -> int:
    try:
        pence = Decimal(price).scaleb(2)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{price!r} is not a price") from error
    if not pence.is_finite() or pence != int(pence) or not 0 <= pence <= retail_rows.HIGHEST_PRICE:
        raise typer.BadParameter(f"{price!r} is not a price of 0 to 10,000,000.00")
    return int(pence)


def _retail(content: Table, console: Console, progress: ImportProgress, *, dry_run: bool, wait: bool) -> int:
    plan = retail.plan(content.rows())
    lines = sum(len(order.lines) for order in plan.orders.values())
    received, written_off = sum(plan.receipts().values()), sum(off.quantity for off in plan.write_offs)
    _say(
        console,
        [
            f"{plan.rows:,} rows: {len(plan.products):,} products, {len(plan.orders):,} orders with {lines:,} lines, "
            f"{len(plan.write_offs):,} write-offs",
            f"{received:,} pieces to receive: {received - written_off:,} sold, {written_off:,} written off",
            *plan.refusals.lines("rows not taken, by reason"),
        ],
    )
    if dry_run:
        return 0
    outcome, statuses = asyncio.run(import_retail(plan, content.digest, settings(), progress, wait=wait))
    told = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))
    return _report(console, outcome, [f"orders settled: {told}"] if told else [])


def _books(
    content: Table, console: Console, progress: ImportProgress, *, dry_run: bool, wait: bool, pence: int, copies: int
) -> int:
    plan = books.plan(content.rows())
    sources = ", ".join(f"{source} {count:,}" for source, count in plan.identified.most_common())
    free = ["at price 0: the file has no prices, and the books are meant to be lent"] if pence == 0 else []
    _say(
        console,
        [
            f"{plan.rows:,} rows: {len(plan.books):,} books",
            f"SKU by {sources}" if sources else "no book can be taken",
            *free,
            *plan.refusals.lines("rows not taken, by reason"),
        ],
    )
    if dry_run:
        return 0
    return _report(
        console,
        asyncio.run(import_books(plan, settings(), progress, pence=pence, copies=copies, wait=wait)),
        [],
    )


def _report(console: Console, outcome: Outcome, more: list[str]) -> int:
    _say(console, [*outcome.lines(), *more])
    return outcome.refused


def _say(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False)
