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
        (5, "bad_quote"),
        (6, None),
        (7, "unreadable_characters"),
        (8, "unreadable_characters"),
        (9, None),
    ]
    assert all("\udcff" not in field and "\x00" not in field for row in rows for field in row.fields)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_quote_that_is_never_closed_costs_its_own_line_and_no_other(end: bytes) -> None:
    lines = [b"a,b", b"1,2", b'3,"open', b"5,6", b'"7","8, ""eight"""', b'"9"x,10', b"11,12", b'13,"end']
    rows = [(row.line, list(row.fields), row.fault) for row in table(end.join(lines), COLUMNS, "it").rows()]
    assert rows == [
        (2, ["1", "2"], None),
        (3, ['3,"open'], "bad_quote"),
        (4, ["5", "6"], None),
        (5, ["7", '8, "eight"'], None),
        (6, ['"9"x,10'], "bad_quote"),
        (7, ["11", "12"], None),
        (8, ['13,"end'], "bad_quote"),
    ]


def test_a_line_too_long_to_read_costs_itself_alone() -> None:
    content = b"a,b\n" + b'1,"' + b"x" * 140_000 + b"\n3,4\n"
    assert [(row.line, row.fault) for row in table(content, COLUMNS, "it").rows()] == [(2, "not_csv"), (3, None)]


def test_many_open_quotes_in_a_large_file_cost_their_lines_only() -> None:
    lines = ['1,"open' if number % 50 == 0 else "1,2" for number in range(1, 20_001)]
    rows = list(table("\n".join(["a,b", *lines]).encode(), COLUMNS, "it").rows())
    assert [row.line for row in rows] == list(range(2, 20_002))
    assert [row.line for row in rows if row.fault] == list(range(51, 20_002, 50))


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert [row.fields for row in table(b"\xef\xbb\xbfa,b\n1,2\n", COLUMNS, "it").rows()] == [["1", "2"]]
