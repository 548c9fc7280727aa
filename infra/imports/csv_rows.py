"""A CSV file as numbered rows, plain or gzipped by its extension. Says at once when it is not of the wanted form.

The whole text is held in memory (20 MB for 240,000 retail lines): its digest must be known before anything is sent.
Every line is a row of its own: no row of the forms that are imported holds a line break.
"""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SHOWN_CHARACTERS = 200
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class NotThatForm(Exception):
    """The file cannot be read, or is not a CSV with the columns that the import needs. Nothing has been sent."""


class Row(NamedTuple):
    """One row of the file: its line (the header is line 1), its fields, and what is wrong with it."""

    line: int
    fields: Sequence[str]
    fault: str | None = None
    """A reason of refusal (`missing_columns`, `too_many_columns`, `bad_quote`, `not_csv`, `unreadable_characters`)."""


@dataclass(frozen=True)
class Table:
    """A file's text, its header checked. `digest`: 12 hex digits of the content, the same gzipped or not."""

    columns: tuple[str, ...]
    digest: str
    text: str

    @property
    def lines(self) -> int:
        """Lines of text after the header: as many as rows, blank lines aside."""
        return max(0, self.text.count("\n") + (not self.text.endswith("\n")) - 1)

    def rows(self) -> Iterator[Row]:
        """Every row after the header; blank lines are left out, a faulty row is marked and stops nothing."""
        lines = list(io.StringIO(self.text, newline=""))
        reader = csv.reader(lines, strict=True)
        next(reader)
        suspicious = _UNREADABLE.search(self.text) is not None
        width = len(self.columns)
        before = 1
        while True:
            fields: list[str] | None = None
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                pass
            line = reader.line_num
            if fields is None or line != before + 1:
                # A quote was left open and took in the lines that follow: each of them is read alone.
                for number in range(before + 1, line + 1):
                    yield from _alone(number, lines[number - 1], width)
            elif len(fields) == width and not suspicious:
                yield Row(line, fields)
            else:
                yield from _checked(line, fields, width)
            before = line


def _alone(number: int, line: str, width: int) -> Iterator[Row]:
    """A line as a CSV file of its own: one row, none when it is blank."""
    try:
        fields = next(csv.reader((line,), strict=True))
    except csv.Error:
        shown = _UNREADABLE.sub("\ufffd", line.rstrip("\r\n"))[:SHOWN_CHARACTERS]
        yield Row(number, (shown,), "not_csv" if len(line) > csv.field_size_limit() else "bad_quote")
    else:
        yield from _checked(number, fields, width)


def _checked(number: int, fields: list[str], width: int) -> Iterator[Row]:
    if len(fields) != width:
        if fields:
            yield Row(number, fields, "missing_columns" if len(fields) < width else "too_many_columns")
    elif any(_UNREADABLE.search(field) for field in fields):
        shown = [_UNREADABLE.sub("\ufffd", field) for field in fields]
        yield Row(number, shown, "unreadable_characters")
    else:
        yield Row(number, fields)


def read_table(path: Path, columns: tuple[str, ...]) -> Table:
    """The file's rows, if its header is exactly `columns`. Raises `NotThatForm` with a sentence for the person."""
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except OSError as error:
        raise NotThatForm(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise NotThatForm(f"{path} is not a whole gzip file: {error}.") from error
    return table(content, columns, str(path))


def table(content: bytes, columns: tuple[str, ...], name: str) -> Table:
    """The rows of a file's content (UTF-8). Raises `NotThatForm` when the header is not `columns`."""
    text = content.decode("utf-8-sig", errors="surrogateescape")
    try:
        header = next(csv.reader(io.StringIO(text, newline="")), [])
    except csv.Error as error:
        raise NotThatForm(f"{name} is not a CSV file: {error}.") from error
    if tuple(field.strip() for field in header) != columns:
        seen = _UNREADABLE.sub("\ufffd", ",".join(header))[:200] or "nothing"
        raise NotThatForm(f"{name} does not begin with the header {','.join(columns)}; it begins with {seen}.")
    return Table(columns, hashlib.sha256(content).hexdigest()[:12], text)
