import re
from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain.words import Quantity, Sku
from infra.imports.csv_rows import Row, table
from infra.imports.retail import RetailPlan, plan
from infra.imports.retail_commands import orders_and_write_offs, products, receipt_parts, receipts
from infra.imports.retail_rows import COLUMNS, LARGEST_QUANTITY, SKU
from infra.imports.sample import sample_csv

SALE = ("536365", "85123a", "HEART", "6", "12/1/10 8:26", "2.55", "17850", "United Kingdom")


def planned(*rows: tuple[str, ...]) -> RetailPlan:
    return plan(Row(number, fields) for number, fields in enumerate(rows, 2))


def sale(**changed: str) -> tuple[str, ...]:
    return tuple(changed.get(column, value) for column, value in zip(COLUMNS, SALE, strict=True))


def test_an_invoice_is_an_order_with_its_lines_as_they_stand_in_the_file() -> None:
    order = planned(sale(), sale(StockCode="85123A", Quantity="1"), sale(StockCode="22", InvoiceDate="12/1/10 8:27"))
    placed = order.orders["536365"]
    assert [(line.sku, line.quantity, line.pence) for line in placed.lines] == [
        ("85123A", 6, 255),
        ("85123A", 1, 255),
        ("22", 6, 255),
    ]
    assert (placed.at.isoformat(), placed.customer) == ("2010-12-01T08:26:00+00:00", "17850")


def test_a_row_without_customer_or_price_is_a_guest_order_at_price_0() -> None:
    found = planned(sale(CustomerID="", UnitPrice=""), sale(UnitPrice="0")).orders["536365"]
    assert found.customer is None
    assert [line.pence for line in found.lines] == [0, 0]


def test_a_negative_quantity_outside_a_cancellation_is_a_write_off_with_its_row_in_the_invoice() -> None:
    found = planned(sale(Quantity="bad"), sale(Quantity="-4", UnitPrice="0"))
    assert found.orders == {}
    assert [(off.invoice, off.row, off.sku, off.quantity) for off in found.write_offs] == [("536365", 2, "85123A", 4)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"InvoiceNo": "C536379", "Quantity": "-1"}, "cancellation"),
        ({"UnitPrice": "0.001"}, "price_below_a_cent"),
        ({"UnitPrice": "2.555"}, "fraction_of_a_cent"),
        ({"UnitPrice": "-11062.06"}, "negative_price"),
        ({"UnitPrice": "NaN"}, "bad_price"),
        ({"UnitPrice": "1e3"}, "bad_price"),
        ({"UnitPrice": "99999999"}, "absurd_price"),
        ({"Quantity": "6.5"}, "bad_quantity"),
        ({"Quantity": ""}, "bad_quantity"),
        ({"Quantity": "0"}, "quantity_zero"),
        ({"Quantity": "10000001"}, "absurd_quantity"),
        ({"InvoiceDate": "13/1/10 8:26"}, "bad_date"),
        ({"InvoiceDate": "yesterday"}, "bad_date"),
        ({"StockCode": ""}, "bad_stock_code"),
        ({"StockCode": "a/b"}, "bad_stock_code"),
        ({"InvoiceNo": ""}, "bad_invoice_number"),
        ({"Description": "x" * 501}, "text_too_long"),
        ({"Description": "two\tparts"}, "unreadable_characters"),
    ],
)
def test_what_cannot_be_taken_is_reported_with_its_line_and_nothing_follows(
    changed: dict[str, str], reason: str
) -> None:
    found = planned(sale(**changed))
    assert found.refusals.counts == {reason: 1}
    assert found.refusals.examples[reason][0].startswith("line 2: ")
    assert (found.orders, found.write_offs, found.receipts()) == ({}, [], {})


def test_a_product_has_its_most_frequent_name_and_price_and_else_its_code_and_0() -> None:
    found = planned(
        sale(Description="OLD", UnitPrice="9"),
        sale(UnitPrice="2.55"),
        sale(UnitPrice="2.55"),
        sale(StockCode="x1", Description="", UnitPrice="0"),
        sale(StockCode="c1", InvoiceNo="C1", Quantity="-1"),
    ).products
    assert {sku: (product.name, product.pence) for sku, product in found.items()} == {
        "85123A": ("HEART", 255),
        "X1": ("X1", 0),
        "C1": ("C1", 0),
    }


def test_an_invoice_with_more_lines_than_an_order_takes_is_refused_whole() -> None:
    found = planned(*[sale()] * 2_001, sale(InvoiceNo="2"))
    assert list(found.orders) == ["2"]
    assert found.refusals.counts == {"order_too_long": 2_001}
    assert found.receipts() == {"85123A": 6}


rows = st.tuples(
    st.sampled_from(["1", "2", "3", "C4"]),
    st.sampled_from(["a", "A", "b ", "BANK CHARGES", "/"]),
    st.sampled_from(["", "NAME"]),
    st.one_of(st.integers(-50, 50).map(str), st.sampled_from(["", "x", "10000000", "99999999"])),
    st.sampled_from(["12/1/10 8:26", "1/2/11 10:00", "?"]),
    st.sampled_from(["0", "2.5", "0.001", "-1", ""]),
    st.just(""),
    st.just(""),
)


@given(st.lists(rows, max_size=40))
def test_what_is_received_is_what_is_sold_and_written_off_of_each_sku(given_rows: list[tuple[str, ...]]) -> None:
    found = planned(*given_rows)
    wanted: Counter[str] = Counter()
    for command in orders_and_write_offs(found):
        fields = orjson.loads(command.line)["command"]
        for item in fields.get("items", []):
            wanted[item["sku"]] += item["quantity"]
        if fields["type"] == "AdjustStock":
            wanted[fields["sku"]] -= fields["delta"]
    received: Counter[str] = Counter()
    for command in receipts(found, receipt_parts(found.receipts(), "digest")):
        fields = orjson.loads(command.line)["command"]
        TypeAdapter(Quantity).validate_python(fields["quantity"])
        received[fields["sku"]] += fields["quantity"]
    assert received == wanted
    taken = sum(len(order.lines) for order in found.orders.values()) + len(found.write_offs)
    assert taken + found.refusals.counts.total() == found.rows == len(given_rows)


@given(st.lists(rows, max_size=40))
def test_every_key_is_used_once_and_can_stand_in_a_header(given_rows: list[tuple[str, ...]]) -> None:
    found = planned(*given_rows)
    commands = [
        *products(found),
        *receipts(found, receipt_parts(found.receipts(), "digest")),
        *orders_and_write_offs(found),
    ]
    keys = [command.key for command in commands]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[\x21-\x7e]{1,200}", key) for key in keys)


def test_more_than_one_receipt_takes_is_received_in_parts() -> None:
    parts = receipt_parts({"A": 2 * LARGEST_QUANTITY + 5}, "d")
    assert [pieces for _, pieces in parts.values()] == [LARGEST_QUANTITY, LARGEST_QUANTITY, 5]
    assert list(parts) == ["retail:receipt:d:A", "retail:receipt:d:A:2", "retail:receipt:d:A:3"]


def test_receipts_leave_out_what_an_earlier_file_brought() -> None:
    found = planned(sale(), sale(InvoiceNo="2", Quantity="3"), sale(InvoiceNo="3", Quantity="-1"))
    assert found.receipts() == {"85123A": 10}
    assert found.receipts({"536365"}, {("3", 1)}) == {"85123A": 3}


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=66))
def test_the_import_knows_the_stock_codes_that_the_domain_knows(text: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Sku)
    try:
        adapter.validate_python(text)
        is_known = True
    except ValueError:
        is_known = False
    assert bool(SKU.fullmatch(text)) == is_known


def test_a_sample_is_the_same_for_a_seed_and_another_for_another() -> None:
    assert sample_csv(7) == sample_csv(7)
    assert sample_csv(7) != sample_csv(8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sample_is_dirty_in_every_way(seed: int) -> None:
    content = table(sample_csv(seed), COLUMNS, "the sample")
    found = plan(content.rows())
    text = sample_csv(seed).decode()
    assert {"cancellation", "price_below_a_cent", "bad_quantity", "missing_columns"} <= set(found.refusals.counts)
    assert found.write_offs
    assert any(order.customer is None for order in found.orders.values())
    assert any(line.pence == 0 for order in found.orders.values() for line in order.lines)
    assert any(len({line.sku for line in order.lines}) < len(order.lines) for order in found.orders.values())
    assert re.search(rf",s{seed}-\d+", text)
    assert ",," in text
