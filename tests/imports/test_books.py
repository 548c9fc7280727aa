import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.imports.books import plan
from infra.imports.books_commands import products, receipts
from infra.imports.csv_rows import Row
from infra.imports.isbn import from_isbn10, from_isbn13, thirteen

HUNGER = ("1", "439023483", "9.78043902348e+12", "Suzanne Collins", "2008.0", "The Hunger Games", "eng", "4.34", "9")


def with_isbn(isbn: str, isbn13: str = "") -> tuple[str, ...]:
    return (HUNGER[0], isbn, isbn13, *HUNGER[3:])


def ten(nine: str) -> str:
    check = -sum((10 - place) * int(digit) for place, digit in enumerate(nine)) % 11
    return nine + ("X" if check == 10 else str(check))


@given(st.integers(0, 999_999_999))
def test_an_isbn_that_lost_its_leading_zeros_becomes_the_isbn13_of_the_whole_one(number: int) -> None:
    whole = ten(f"{number:09d}")
    lost = whole.lstrip("0")
    expected = thirteen("978" + whole[:9])
    assert from_isbn10(whole) == expected
    assert from_isbn10(lost) == (expected if len(lost) >= 7 else None)


@given(st.integers(0, 999_999_999), st.integers(0, 9), st.integers(1, 9))
def test_an_isbn_with_one_wrong_digit_is_not_repaired(number: int, place: int, by: int) -> None:
    whole = ten(f"{number:09d}")
    if whole[place] == "X":
        place = 0
    wrong = whole[:place] + str((int(whole[place]) + by) % 10) + whole[place + 1 :]
    assert from_isbn10(wrong) is None


def test_known_isbns_are_repaired() -> None:
    assert from_isbn10("439023483") == "9780439023481"
    assert from_isbn10("043965548X") == "9780439655484"
    assert from_isbn13("9780439023481") == "9780439023481"


@pytest.mark.parametrize("text", ["9.78043902348e+12", "9780439023482", "1234567890128", "", "97893806587.0"])
def test_an_isbn13_that_lost_digits_is_not_trusted(text: str) -> None:
    assert from_isbn13(text) is None


@pytest.mark.parametrize(
    ("fields", "sku", "source"),
    [
        (HUNGER, "9780439023481", "isbn"),
        (with_isbn("", "9780439023481"), "9780439023481", "isbn13"),
        (with_isbn("812971060", "9.78081297106e+12"), "GB-1", "wrong_check_digit"),
        (with_isbn(""), "GB-1", "no_isbn"),
    ],
)
def test_the_sku_is_the_isbn_where_it_is_sure(fields: tuple[str, ...], sku: str, source: str) -> None:
    found = plan([Row(2, fields)])
    assert list(found.books) == [sku]
    assert found.identified == {source: 1}


def test_a_book_is_told_with_author_year_and_language() -> None:
    (command,) = products(plan([Row(2, HUNGER)]), pence=0)
    fields = orjson.loads(command.line)["command"]
    assert fields["kind"] == "BOOK"
    assert fields["book"] == {
        "author": "Suzanne Collins",
        "isbn": "9780439023481",
        "published_year": 2008,
        "language": "eng",
    }
    assert (fields["name"], fields["price"]) == ("The Hunger Games", {"amount": 0, "currency": "GBP"})


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, "x", "bad_book_id"),
        (5, "", "no_title"),
        (5, "t" * 501, "text_too_long"),
        (3, " ", "no_author"),
        (4, "long ago", "bad_year"),
        (4, "3001", "bad_year"),
        (3, "a" * 501, "text_too_long"),
        (5, "two\nlines", "unreadable_characters"),
    ],
)
def test_a_row_that_cannot_be_taken_is_reported(place: int, value: str, reason: str) -> None:
    fields = (*HUNGER[:place], value, *HUNGER[place + 1 :])
    assert plan([Row(2, fields)]).refusals.counts == {reason: 1}


def test_the_second_book_of_an_isbn_is_reported() -> None:
    found = plan([Row(2, HUNGER), Row(3, ("2", *HUNGER[1:]))])
    assert found.refusals.counts == {"same_isbn_twice": 1}


def test_copies_that_were_received_are_not_received_again() -> None:
    found = plan([Row(2, HUNGER), Row(3, ("2", "", *HUNGER[2:]))])
    assert [command.key for command in receipts(found, 2, {"books:receipt:GB-2"})] == ["books:receipt:9780439023481"]
