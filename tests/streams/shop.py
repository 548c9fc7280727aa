"""Orders at random and what they come to, to compare with what the streams publish."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations

from event_schemas.event import Event
from tests.projectors.log import cancelled, confirmed
from tests.streams.conftest import Streams

PRODUCTS = [f"S{number}" for number in range(12)]


class Shop:
    """Orders at random with what they should come to; from a seed."""

    def __init__(self, seed: int) -> None:
        self.sold: Counter[str] = Counter()
        self.together: Counter[tuple[str, str]] = Counter()
        self._random = random.Random(seed)
        self._number = 0

    def orders(self, count: int) -> list[tuple[str, Event]]:
        """So many orders of a few minutes ago; every tenth is called off at once."""
        made: list[tuple[str, Event]] = []
        for _ in range(count):
            self._number += 1
            key = f"order-{self._number}"
            lines = {
                sku: self._random.randint(1, 5) for sku in self._random.sample(PRODUCTS, self._random.randint(1, 4))
            }
            at = datetime.now(UTC) - timedelta(minutes=self._random.randint(0, 9))
            made.append((key, confirmed(key, lines, at=at)))
            if self._random.random() < 0.1:
                made.append((key, cancelled(key, lines, at=at)))
                continue
            self.sold.update({f"p-{sku}": quantity for sku, quantity in lines.items()})
            self.together.update(permutations((f"p-{sku}" for sku in lines), 2))
        return made

    async def equals(self, streams: Streams) -> None:
        """Asserts that every window and all partners are exactly what they should be."""
        for window in ("1h", "24h", "7d", "30d"):
            assert await streams.scores(f"now:{window}") == self.sold
        for product in (f"p-{sku}" for sku in PRODUCTS):
            expected = {other: count for (one, other), count in self.together.items() if one == product}
            assert await streams.scores(f"also:{product}") == expected
