"""What was bought together, against a naive count."""

from collections import Counter

import orjson
from hypothesis import given
from hypothesis import strategies as st

from projectors.streams.pairs import KEPT, MOST, PRODUCTS, Partners, together

orders = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=6), max_size=30)


def fold(orders: list[list[str]]) -> dict[str, Partners]:
    rows: dict[str, Partners] = {}
    for order in orders:
        for product, others in together(order):
            rows.setdefault(product, Partners()).add(others, 1)
    return rows


@given(orders)
def test_partners_equal_a_naive_count_of_orders(orders: list[list[str]]) -> None:
    naive = Counter((a, b) for order in orders for a in set(order) for b in set(order) if a != b)
    assert Counter({(a, b): n for a, row in fold(orders).items() for b, n in row.counts.items()}) == naive


@given(orders, st.data())
def test_an_order_that_is_called_off_takes_its_pairs_back(orders: list[list[str]], data: st.DataObject) -> None:
    rows = fold(orders)
    kept = [order for order in orders if data.draw(st.booleans()) or not remove(rows, order)]
    assert {a: row.counts for a, row in rows.items() if row.counts} == {a: row.counts for a, row in fold(kept).items()}


def remove(rows: dict[str, Partners], order: list[str]) -> bool:
    for product, others in together(order):
        rows[product].add(others, -1)
    return True


def test_the_highest_counts_come_first_and_ties_by_id() -> None:
    row = Partners(0, [("c", 1), ("a", 2), ("b", 2)])
    assert row.top(2) == [("a", 2), ("b", 2)]


def test_beyond_the_bound_the_rarest_are_forgotten_and_what_is_taken_back_of_them_changes_nothing() -> None:
    row = Partners()
    for number in range(MOST):
        row.add([f"p{number:03}"], 1)
    row.add(["p099", "p098"], 1)
    assert len(row.counts) == MOST
    row.add(["new"], 1)
    assert len(row.counts) == KEPT
    assert row.top(3) == [("p098", 2), ("p099", 2), ("new", 1)]
    row.add(["p070"], -1)
    assert len(row.counts) == KEPT


def test_an_order_pairs_only_its_first_products() -> None:
    order = [f"p{number}" for number in range(500)]
    pairs = dict(together(order))
    assert list(pairs) == order[:PRODUCTS]
    assert all(len(others) == PRODUCTS - 1 for others in pairs.values())
    assert not list(together(["one", "one"]))


def test_a_row_survives_being_stored() -> None:
    row = Partners(17, [("a", 2), ("b", 1)])
    loaded = Partners.load(orjson.loads(orjson.dumps(row.dump())))
    assert (loaded.applied, loaded.counts) == (17, {"a": 2, "b": 1})
