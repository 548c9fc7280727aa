"""The searches of the query benchmark by how many products they find, what each must find, and how long they take."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from benchmarks.queries_products import SEED, Shelf

NARROW, EXACT = 1_000, 10_000
PATH = "/v1/products"
FURTHER: tuple[dict[str, str], ...] = ({}, {"kind": "BOOK"}, {"sort": "price"}, {"limit": "100"}, {"min_price": "500"})
"""What searches have beside their words, in turn."""


@dataclass(frozen=True)
class Searches:
    """A kind of searches."""

    title: str
    paths: tuple[str, ...]
    words: tuple[str, ...]
    """Of those that have nothing beside a word."""
    p99_ms: float | None


def searches_of(shelf: Shelf, count: int) -> list[Searches]:
    """`count` searches of each kind that the shelf has words for."""
    chance = random.Random(SEED)
    found = {word: len(products) for word, products in sorted(shelf.having.items())}
    narrow = [word for word, products in found.items() if products < NARROW]
    middle = [word for word, products in found.items() if NARROW <= products <= EXACT]
    broad = [word for word, products in found.items() if products > EXACT]
    kinds = [
        (f"one word, under {NARROW:,} products", ((word,) for word in narrow), 30.0),
        (f"two words, under {NARROW:,} products", _pairs(shelf, chance, narrow, count), 30.0),
        (f"one word, {NARROW:,} to {EXACT:,} products", ((word,) for word in middle), 150.0),
        (f"one word, above {EXACT:,} products", ((word,) for word in broad), 150.0),
    ]
    made = []
    for title, words, p99_ms in kinds:
        every = list(words)
        chosen = chance.sample(every, min(count, len(every)))
        if chosen:
            paths = tuple(_path(" ".join(one), **more) for one in chosen for more in FURTHER)
            single = tuple(one[0] for one in chosen if len(one) == 1)
            made.append(Searches(title, tuple(chance.sample(paths, len(paths))), single, p99_ms))
    alike = [_mistyped(word) for word in chance.sample(narrow, min(count, len(narrow)))]
    made.append(Searches("a word with a wrong letter, found by likeness", tuple(map(_path, alike)), (), None))
    lists = tuple(_path(None, **more) for more in FURTHER)
    return [*made, Searches("no words: a list of all", lists, (), 150.0)]


async def wrong_totals(client: httpx.AsyncClient, shelf: Shelf, words: Iterable[str]) -> list[str]:
    """The words whose search tells another total or count of books than there are, or does not say that it is not
    exact."""
    wrong = []
    for word in words:
        having = shelf.having[word]
        page = (await client.get(_path(word))).raise_for_status().json()
        told = page["total"], page["total_approximate"], page["facets"]["kind"].get("BOOK", 0)
        exact = len(having), False, len(having & shelf.books)
        if told != exact if len(having) <= EXACT else (told[:2] != (EXACT, True)):
            wrong.append(word)
    return wrong


def _pairs(shelf: Shelf, chance: random.Random, narrow: list[str], count: int) -> Iterator[tuple[str, ...]]:
    """Two words of one product."""
    for word in chance.sample(narrow, min(count, len(narrow))):
        product = min(shelf.having[word])
        other = next((each for each, products in shelf.having.items() if product in products and each != word), None)
        if other is not None:
            yield word, other


def _mistyped(word: str) -> str:
    """It begins with a letter that no word begins with."""
    return f"w{word[1:]}"


def _path(words: str | None, **more: str) -> str:
    query = {**({"search": words} if words else {}), **more}
    return f"{PATH}?{urlencode(query)}" if query else PATH
