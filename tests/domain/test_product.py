"""What a product answers to each command."""

import pytest
from pydantic import ValidationError

from domain.ids import product_id
from domain.product import PRODUCT
from domain.product_commands import (
    AddProduct,
    ChangePrice,
    DescribeProduct,
    ProductCommand,
    ReviseProduct,
    WithdrawProduct,
)
from domain.rejected import CurrencyDiffers, ProductExists, ProductGone, ProductNotFound
from domain.words import BookDetails, Price
from event_schemas.catalog import (
    Book,
    InitialStock,
    PriceChanged,
    ProductAdded,
    ProductDescribed,
    ProductKind,
    ProductWithdrawn,
    Variant,
    WithdrawalReason,
)
from event_schemas.money import Money
from tests.support.spec import given

ID = product_id("A1")
ADD = AddProduct(
    sku="A1",
    name="Lantern",
    price=Price(amount=255, currency="GBP"),
    initial_stock=(InitialStock(sku="A1", warehouse_id="MAIN", quantity=5),),
)
ADDED = ProductAdded(
    product_id=ID,
    kind=ProductKind.GOOD,
    name="Lantern",
    variants=(Variant(sku="A1", price=Money(amount=255, currency="GBP")),),
    initial_stock=(InitialStock(sku="A1", warehouse_id="MAIN", quantity=5),),
)
WITHDRAWN = ProductWithdrawn(product_id=ID, reason=WithdrawalReason.DISCONTINUED)
DEARER = Price(amount=300, currency="GBP")
REPRICED = PriceChanged(
    product_id=ID,
    sku="A1",
    old_price=Money(amount=255, currency="GBP"),
    new_price=Money(amount=300, currency="GBP"),
)
LATER_COMMANDS: list[ProductCommand] = [
    DescribeProduct(product_id=ID, name="Lamp"),
    ChangePrice(product_id=ID, new_price=DEARER),
    ReviseProduct(product_id=ID, name="Lamp", new_price=DEARER),
    WithdrawProduct(product_id=ID),
]


def test_a_product_is_added_under_the_id_of_its_sku() -> None:
    given(PRODUCT).when(ADD).then(ADDED)
    assert ADD.aggregate_id == ID


def test_adding_the_same_again_changes_nothing() -> None:
    given(PRODUCT, ADDED).when(ADD).then_nothing()


def test_a_repeat_is_recognised_after_the_event_went_through_the_log() -> None:
    read_back = ProductAdded.model_validate_json(ADDED.model_dump_json())
    given(PRODUCT, read_back).when(ADD).then_nothing()


def test_a_sku_cannot_be_added_with_other_contents() -> None:
    other = ADD.model_copy(update={"name": "Lamp"})
    given(PRODUCT, ADDED).when(other).then_rejected(ProductExists, sku="A1", product_id=ID)


def test_a_withdrawn_sku_cannot_be_added_again() -> None:
    given(PRODUCT, ADDED, WITHDRAWN).when(ADD).then_rejected(ProductExists)


@pytest.mark.parametrize("command", LATER_COMMANDS, ids=lambda command: command.type)
def test_a_product_that_was_never_added_is_not_found(command: ProductCommand) -> None:
    given(PRODUCT).when(command).then_rejected(ProductNotFound, product_id=ID)


@pytest.mark.parametrize("command", LATER_COMMANDS[:-1], ids=lambda command: command.type)
def test_a_withdrawn_product_is_not_changed_any_more(command: ProductCommand) -> None:
    given(PRODUCT, ADDED, WITHDRAWN).when(command).then_rejected(ProductGone, product_id=ID)


def test_only_what_differs_is_described() -> None:
    command = DescribeProduct(product_id=ID, name="Lantern", description="Holds a candle")
    state = given(PRODUCT, ADDED).when(command).then(ProductDescribed(product_id=ID, description="Holds a candle"))
    assert state.added is not None
    assert (state.added.name, state.added.description) == ("Lantern", "Holds a candle")


def test_a_description_that_changes_nothing_is_no_event() -> None:
    given(PRODUCT, ADDED).when(DescribeProduct(product_id=ID, name="Lantern")).then_nothing()


def test_a_book_can_be_described_as_one() -> None:
    book = Book(author="Ursula K. Le Guin", isbn="9780441478125")
    command = DescribeProduct(product_id=ID, book=BookDetails(**book.model_dump()))
    given(PRODUCT, ADDED).when(command).then(ProductDescribed(product_id=ID, book=book))


@pytest.mark.parametrize("sku", [None, "A1"])
def test_a_price_is_changed_for_the_sku_or_the_only_one(sku: str | None) -> None:
    given(PRODUCT, ADDED).when(ChangePrice(product_id=ID, sku=sku, new_price=DEARER)).then(REPRICED)


def test_the_price_that_it_has_is_no_change() -> None:
    given(PRODUCT, ADDED, REPRICED).when(ChangePrice(product_id=ID, new_price=DEARER)).then_nothing()


def test_a_price_of_a_sku_that_it_does_not_have_is_refused() -> None:
    given(PRODUCT, ADDED).when(ChangePrice(product_id=ID, sku="B2", new_price=DEARER)).then_rejected(
        ProductNotFound, sku="B2"
    )


def test_a_revision_describes_and_reprices_together() -> None:
    given(PRODUCT, ADDED).when(ReviseProduct(product_id=ID, name="Lamp", new_price=DEARER)).then(
        ProductDescribed(product_id=ID, name="Lamp"), REPRICED
    )


def test_a_revision_that_changes_nothing_is_no_event() -> None:
    given(PRODUCT, ADDED).when(ReviseProduct(product_id=ID, name="Lantern")).then_nothing()


def test_a_product_is_withdrawn_once() -> None:
    withdraw = WithdrawProduct(product_id=ID)
    given(PRODUCT, ADDED).when(withdraw).then(WITHDRAWN)
    given(PRODUCT, ADDED).when(withdraw, withdraw).then_nothing()


@pytest.mark.parametrize(
    ("words", "note", "reason", "kept"),
    [
        ("RECALLED", "glass bursts", WithdrawalReason.RECALLED, "glass bursts"),
        ("recalled", None, WithdrawalReason.RECALLED, None),
        ("OLD", None, WithdrawalReason.OTHER, "OLD"),
        ("OLD", "since 1990", WithdrawalReason.OTHER, "OLD: since 1990"),
    ],
)
def test_words_of_an_older_client_become_a_reason_and_a_note(
    words: str, note: str | None, reason: WithdrawalReason, kept: str | None
) -> None:
    withdraw = WithdrawProduct(product_id=ID, reason=words, note=note)
    given(PRODUCT, ADDED).when(withdraw).then(ProductWithdrawn(product_id=ID, reason=reason, note=kept))


def test_a_withdrawal_without_a_note_is_told_as_before_so_that_its_repeat_is_recognised() -> None:
    told = WithdrawProduct(product_id=ID, reason="OLD").model_dump_json()
    assert told == f'{{"product_id":"{ID}","type":"WithdrawProduct","reason":"OLD"}}'


@pytest.mark.parametrize(
    "entries",
    [
        [("B2", "MAIN", 1)],
        [("A1", "MAIN", 1), ("A1", "MAIN", 2)],
        [("A1", "main street", 1)],
        [("A1", "MAIN", 10_000_001)],
    ],
    ids=["another SKU", "a warehouse twice", "no warehouse id", "too many pieces"],
)
def test_initial_stock_that_could_never_be_received_is_no_command(entries: list[tuple[str, str, int]]) -> None:
    stock = tuple(InitialStock(sku=sku, warehouse_id=warehouse, quantity=n) for sku, warehouse, n in entries)
    with pytest.raises(ValidationError, match="initial_stock"):
        AddProduct(sku="A1", name="Lantern", price=DEARER, initial_stock=stock)


@pytest.mark.parametrize("sku", ["", "a1", " A1", "A\n1", "A1\n", "Ä1", "A" * 65])
def test_a_malformed_sku_is_no_command(sku: str) -> None:
    with pytest.raises(ValidationError):
        AddProduct(sku=sku, name="Lantern", price=DEARER)


@pytest.mark.parametrize("amount", [-1, 1_000_000_001])
def test_an_absurd_price_is_no_command(amount: int) -> None:
    with pytest.raises(ValidationError):
        ChangePrice(product_id=ID, new_price=Price(amount=amount, currency="GBP"))


def test_a_price_keeps_its_currency() -> None:
    command = ChangePrice(product_id=ID, new_price=Price(amount=100, currency="JPY"))
    given(PRODUCT, ADDED).when(command).then_rejected(CurrencyDiffers)
