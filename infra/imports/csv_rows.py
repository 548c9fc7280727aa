"""A CSV file as numbered rows, plain or gzipped by its extension. Says at once when it is not of the wanted form.

The whole text is held in memory (20 MB for 240,000 retail lines): its digest must be known before anything is sent.
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

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class NotThatForm(Exception):
    """The file cannot be read, or is not a CSV with the columns that the import needs. Nothing has been sent."""


class Row(NamedTuple):
    """One row of the file: the line on which it ends (the header is line 1), its fields, and what is wrong with it."""

    line: int
    fields: Sequence[str]
    fault: str | None = None
    """A reason of refusal (`missing_columns`, `unreadable_characters`, `not_csv`), or None."""


@dataclass(frozen=True)
class Table:
    """A file's text, its header checked. `digest`: 12 hex digits of the content, the same gzipped or not."""

    columns: tuple[str, ...]
    digest: str
    text: str

    @property
    def lines(self) -> int:
        """Lines of text after the header: as many as rows, where no field holds a line break."""
        return max(0, self.text.count("\n") + (not self.text.endswith("\n")) - 1)

    def rows(self) -> Iterator[Row]:
        """Every row after the header; blank lines are left out, a faulty row is marked and stops nothing."""
        reader = csv.reader(io.StringIO(self.text, newline=""))
        next(reader)
        suspicious = _UNREADABLE.search(self.text) is not None
        width = len(self.columns)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(reader.line_num, (str(error),), "not_csv")
                continue
            if len(fields) == width and not suspicious:
                yield Row(reader.line_num, fields)
            elif len(fields) != width:
                if fields:
                    yield Row(reader.line_num, fields, "missing_columns" if len(fields) < width else "too_many_columns")
            elif any(_UNREADABLE.search(field) for field in fields):
                shown = [_UNREADABLE.sub("\ufffd", field) for field in fields]
                yield Row(reader.line_num, shown, "unreadable_characters")
            else:
                yield Row(reader.line_num, fields)


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
