"""A search with operators: what is excluded is not shown, however its word is indexed, nor by what looks alike."""

import httpx
import pytest

from tests.projectors.log import added
from tests.query_api.shelf import Shelf


@pytest.fixture(scope="module")
async def more(shelf: Shelf) -> None:
    """A book with a description, a good that is written with a dash, and one whose SKU has blanks."""
    described = added("X1", "Garland", description="Paper decorations for a tree")
    spaced = [added("DOG CAN 5", "Tin of dogs"), added("DOGS", "Dog can 5 litres, dog dog can can")]
    products = [described, added("X2", "Night Lamp - Green"), added("X3", "Lamp for the night"), *spaced]
    await shelf.feed([shelf.log.add(each) for each in products])


async def found(client: httpx.AsyncClient, words: str) -> list[str]:
    answer = await client.get("/v1/products", params={"search": words})
    assert answer.status_code == 200, answer.text
    return [item["sku"] for item in answer.json()["items"]]


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("hunger -collins", []),
        ("hunger -suzanne", []),
        ("hunger -dystopia", []),
        ("hunger -lantern", ["0439023483"]),
        ("garland -decorations", []),
        ("garland -decoration", []),
        ("garland -night", ["X1"]),
        ("lamp -for", ["X2"]),
        ("lamp -green", ["X3"]),
        ("lamp -Grün", ["X2", "X3"]),
        ('lamp -"for the"', ["X2"]),
        ('lamp -"the for"', ["X2", "X3"]),
        ('lamp -"for the', ["X2"]),
        ('lamp -"green', ["X3"]),
        ('lamp -"', ["X2", "X3"]),
        ('lamp "green night', ["X2"]),
        ("lamp --green", ["X3"]),
        ("garland or lamp -night", ["X1"]),
        ("lamp - green", ["X2"]),
        ("night lamp - gre", ["X2"]),
        ("-night garland", ["X1"]),
        ("lamp -green -for", []),
        ("garlnd -decorations", []),
        ('"garlnd"', []),
        ("garlnd or lampp", []),
    ],
)
async def test_what_is_excluded_is_not_shown(client: httpx.AsyncClient, words: str, skus: list[str]) -> None:
    assert sorted(await found(client, words)) == skus


@pytest.mark.usefixtures("more")
async def test_only_excluded_words_leave_everything_else(client: httpx.AsyncClient) -> None:
    shown = await found(client, "-hunger -lamp -holder")
    assert "X1" in shown
    assert not {"0439023483", "X2", "X3", "85123A", "22197"} & set(shown)


@pytest.mark.usefixtures("more")
async def test_a_sku_with_blanks_comes_first(client: httpx.AsyncClient) -> None:
    assert (await found(client, "dog can 5"))[0] == "DOG CAN 5"
