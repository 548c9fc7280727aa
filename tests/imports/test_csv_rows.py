import gzip
from pathlib import Path

import pytest

from infra.imports.csv_rows import NotThatForm, read_table, table

COLUMNS = ("a", "b")


def test_a_gzipped_file_has_the_rows_and_the_digest_of_the_plain_one(tmp_path: Path) -> None:
    content = b"a,b\n1,2\n"
    (tmp_path / "plain.csv").write_bytes(content)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(content))
    plain, packed = (read_table(tmp_path / name, COLUMNS) for name in ("plain.csv", "packed.csv.gz"))
    assert [row.fields for row in packed.rows()] == [["1", "2"]]
    assert plain.digest == packed.digest


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("other.csv", b"x,y\n1,2\n"),
        ("empty.csv", b""),
        ("binary.csv", bytes(range(256))),
        ("torn.csv.gz", gzip.compress(b"a,b\n" * 1000)[:40]),
        ("not-packed.csv.gz", b"a,b\n1,2\n"),
    ],
)
def test_a_file_of_another_form_is_refused_as_a_whole(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotThatForm, match=name):
        read_table(tmp_path / name, COLUMNS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotThatForm, match="cannot be read"):
        read_table(tmp_path / "absent.csv", COLUMNS)


def test_faulty_rows_are_marked_with_their_lines_and_stop_nothing() -> None:
    content = b'a,b\n1\n1,2,3\n\n"x\nx",2\n\xff\xfe,2\nnul\x00,2\n7,8\n'
    rows = list(table(content, COLUMNS, "it").rows())
    assert [(row.line, row.fault) for row in rows] == [
        (2, "missing_columns"),
        (3, "too_many_columns"),
        (6, None),
        (7, "unreadable_characters"),
        (8, "unreadable_characters"),
        (9, None),
    ]
    assert all("\udcff" not in field and "\x00" not in field for row in rows for field in row.fields)


def test_a_quote_that_is_never_closed_costs_its_rows_and_no_others() -> None:
    content = b"a,b\n" + b'1,"' + b"x" * 140_000 + b"\n3,4\n"
    rows = list(table(content, COLUMNS, "it").rows())
    assert "not_csv" in {row.fault for row in rows}


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert [row.fields for row in table(b"\xef\xbb\xbfa,b\n1,2\n", COLUMNS, "it").rows()] == [["1", "2"]]
