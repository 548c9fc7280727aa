"""Generated products whose words are as unequal as those of a language (Zipf), and which of them have a word.

Words have one length and end alike, so that none is the beginning of another, a stop word, or cut by a stemmer: what a
search must find is known without it.
"""

import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, product

from benchmarks.append import Decided, append
from command_api.intent import Intent
from command_api.writer.aggregate import Versioned
from domain.product import PRODUCT
from domain.product_commands import AddProduct
from domain.words import BookDetails, Price
from event_schemas.catalog import ProductKind
from event_schemas.topics import CATALOG
from infra.principal import OPERATOR
from infra.settings import Settings

WORDS = 20_000
IN_NAME, IN_DESCRIPTION = 4, 16
SYLLABLES = [first + second for first, second in product("bdfgklmnprstvz", "aeiou")]
SEED = 7


@dataclass
class Shelf:
    """What was generated: products by word, and how many of them are books."""

    having: dict[str, set[int]] = field(default_factory=dict)
    books: set[int] = field(default_factory=set)


def vocabulary(chance: random.Random) -> list[str]:
    """`WORDS` words, the most frequent first."""
    every = ["".join(parts) + "k" for parts in product(SYLLABLES, repeat=3)]
    return chance.sample(every, WORDS)


async def fill(settings: Settings, count: int) -> Shelf:
    """Append so many products to the log. No command API may run. Raises `OutcomeUnknown` or `Deposed`."""
    shelf = Shelf()
    await append(settings, CATALOG.name, _added(count, shelf))
    return shelf


def _added(count: int, shelf: Shelf) -> Iterator[Decided]:
    chance = random.Random(SEED)
    words = vocabulary(chance)
    heights = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    actor, new = str(OPERATOR), Versioned(0, PRODUCT.initial)
    for number in range(count):
        drawn = [words[bisect(heights, chance.random() * heights[-1])] for _ in range(IN_NAME + IN_DESCRIPTION)]
        for word in drawn:
            shelf.having.setdefault(word, set()).add(number)
        book = number % 3 == 0
        if book:
            shelf.books.add(number)
        command = AddProduct(
            sku=f"G-{number}",
            name=" ".join(drawn[:IN_NAME]),
            description=" ".join(drawn[IN_NAME:]),
            price=Price(amount=chance.randrange(100, 100_000), currency="EUR"),
            kind=ProductKind.BOOK if book else ProductKind.GOOD,
            book=BookDetails(author=f"{drawn[0]} {drawn[1]}") if book else None,
        )
        command_id = f"generated-{number}"
        intent = Intent(command, command_id, "", actor, command_id, command_id)
        yield intent, new, PRODUCT.decide(PRODUCT.initial, command)
