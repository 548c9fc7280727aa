"""The read model `catalog`: its fold without a server, its statements in the real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from event_schemas import catalog
from event_schemas.record import Recorded
from infra.folding import fold
from infra.settings import Settings
from projectors.read_models.catalog import PROJECTION, apply
from tests.projectors.log import Log, added, gbp, received
from tests.projectors.tables import Tables, tables_of

SOLITUDE = {"author": "Gabriel García Márquez", "isbn": "0-06-088328-6", "keywords": ["Macondo"]}


@pytest.fixture
async def tables(settings: Settings) -> AsyncIterator[Tables]:
    async with tables_of(settings.dsn, PROJECTION) as made:
        yield made


def repriced(sku: str, old: int, new: int) -> catalog.PriceChanged:
    return catalog.PriceChanged(product_id=f"p-{sku}", sku=sku, old_price=gbp(old), new_price=gbp(new))


def described(sku: str, **fields: Any) -> catalog.ProductDescribed:
    return catalog.ProductDescribed(product_id=f"p-{sku}", **fields)


def withdrawn(sku: str) -> catalog.ProductWithdrawn:
    return catalog.ProductWithdrawn(
        product_id=f"p-{sku}", reason=catalog.WithdrawalReason.RECALLED, note="Glass bursts"
    )


def a_year() -> list[Recorded]:
    log = Log()
    told = [
        (0, added("A", "White Lantern", 250)),
        (1, added("B", "Hundred Years", 900, book=SOLITUDE)),
        (0, added("C", "Old Chair", 4000)),
        (0, repriced("A", 250, 300)),
        (0, described("A", name="Weiße Laterne")),
        (1, described("B", book=catalog.Book(author="G. García", keywords=("Buendía",)))),
        (0, described("A", description="Glows in the dark")),
        (0, repriced("A", 300, 350)),
        (0, withdrawn("C")),
        (1, added("D", "Tea Pot")),
    ]
    return [log.add(event, partition=partition) for partition, event in told]


def test_nothing_gives_no_statement() -> None:
    assert apply([]) == []


def test_a_product_that_only_changes_its_price_in_its_batch_is_written_once() -> None:
    log = Log()
    told = [added("A", "White Lantern", 250), repriced("A", 250, 300), repriced("A", 300, 350), added("B", "Tea Pot")]
    names = [statement.sql.split()[2].split(".")[1] for statement in apply([log.add(event) for event in told])]
    assert names == ["products", "variants", "price_history", "facet_counts"]


def test_an_event_of_another_topic_is_refused() -> None:
    with pytest.raises(KeyError):
        apply([Log().add(received("A", 1))])


def test_folding_takes_case_and_accents_away() -> None:
    assert fold("  Gabriel GARCÍA  Márquez ") == "gabriel garcia marquez"
    assert fold("Weiße Øre, Łódź") == "weisse ore, lodz"
    assert fold("") == ""


@pytest.mark.parametrize("batch_size", [1, 3, 100])
async def test_products_show_their_last_words_and_price(tables: Tables, batch_size: int) -> None:
    await tables.apply(a_year(), batch_size)
    rows = await tables.rows(
        "SELECT product_id, kind, name, description, price, withdrawn_reason, withdrawn_note, author, isbn, version "
        "FROM {schema}.products ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("p-A", "GOOD", "Weiße Laterne", "Glows in the dark", 350, None, None, None, None, 5),
        ("p-B", "BOOK", "Hundred Years", None, 900, None, None, "G. García", None, 2),
        ("p-C", "GOOD", "Old Chair", None, 4000, "RECALLED", "Glass bursts", None, None, 2),
        ("p-D", "GOOD", "Tea Pot", None, 250, None, None, None, None, 1),
    ]
    assert [row["price"] for row in await tables.rows("SELECT price FROM {schema}.variants ORDER BY sku")] == [
        350,
        900,
        4000,
        250,
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
async def test_facets_count_what_is_listed(tables: Tables, batch_size: int) -> None:
    await tables.apply(a_year(), batch_size)
    rows = await tables.rows("SELECT partition, facet, value, count FROM {schema}.facet_counts ORDER BY 1, 2, 3")
    assert [tuple(row.values()) for row in rows] == [
        (0, "kind", "GOOD", 1),
        (1, "kind", "BOOK", 1),
        (1, "kind", "GOOD", 1),
    ]


async def test_the_price_history_begins_with_the_first_price(tables: Tables) -> None:
    await tables.apply(a_year(), 4)
    rows = await tables.rows(
        "SELECT sequence, old_price, new_price FROM {schema}.price_history WHERE sku = 'A' ORDER BY sequence"
    )
    assert [tuple(row.values()) for row in rows] == [(1, None, 250), (2, 250, 300), (5, 300, 350)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("laterne", "A"),
        ("weisse", "A"),
        ("dark", "A"),
        ("garcia", "B"),
        ("buendia", "B"),
        ("hundred year", "B"),
        ("pots", "D"),
    ],
)
async def test_words_are_found_without_accents_and_by_their_stem(tables: Tables, words: str, found: str) -> None:
    await tables.apply(a_year(), 2)
    rows = await tables.rows(
        "SELECT sku FROM {schema}.products WHERE search @@ websearch_to_tsquery('english', $1) "
        "OR search @@ websearch_to_tsquery('simple', $1)",
        fold(words),
    )
    assert [row["sku"] for row in rows] == [found]


async def test_batches_of_any_size_fill_the_same_tables(settings: Settings) -> None:
    found = []
    for size in (1, 4, 100):
        async with tables_of(settings.dsn, PROJECTION) as made:
            await made.apply(a_year(), size)
            found.append(await made.everything())
    assert found[0] == found[1] == found[2]
