"""A retail file made up from a seed: the same form, and dirty in the same ways, as the real one.

Stock codes and invoice numbers carry the seed, so that samples never meet each other or a real file.
"""

import csv
import io
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from infra.imports.retail_rows import COLUMNS

FIRST_DAY = datetime(2010, 12, 1, 8, 0)
DAYS = 60
_LOOKS = ("RED", "BLUE", "WHITE", "CREAM", "VINTAGE", "RETRO", "SMALL", "LARGE", "HANGING", "WOODEN", "GLASS", "PINK")
_THINGS = ("LANTERN", "MUG", "HEART", "CANDLE", "CUSHION", "CAKE STAND", "LUNCH BOX", "DOORMAT", "CLOCK", "TEA TOWEL")
_COUNTRIES = (*("United Kingdom",) * 9, "Germany", "France", "EIRE")

_Fields = tuple[str, ...]


def sample_csv(seed: int = 1, products: int = 200, invoices: int = 300) -> bytes:
    """The file's content, UTF-8, the same for the same arguments. At least 1 product and 1 invoice.

    Among the invoices are cancellations, write-offs, guests, missing descriptions and prices, codes in lower case, one
    code twice in an invoice, postage, an invoice over two minutes, a price below a cent, and malformed rows.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_Sample(seed, products).rows(invoices))
    return text.getvalue().encode()


class _Sample:
    """The dice of one file."""

    def __init__(self, seed: int, products: int) -> None:
        self._seed = seed
        self._dice = random.Random(seed)
        self._codes = [f"S{seed}-{20_000 + n // 3}{('', 'A', 'B')[n % 3]}" for n in range(products)]
        names = [f"{look} {thing}" for look in _LOOKS for thing in _THINGS]
        self._names = [f"{names[n % len(names)]} {'' if n < len(names) else n // len(names) + 1}".strip()
                       for n in range(products)]  # fmt: skip
        self._prices = [self._dice.choice((29, 42, 85, 125, 165, 210, 295, 495, 795, 1275)) for _ in range(products)]

    def rows(self, invoices: int) -> Iterator[_Fields]:
        """The rows of all invoices, in the order of their times, then two malformed ones."""
        minutes = sorted(self._dice.randrange(DAYS * 24 * 60) for _ in range(invoices))
        for n, minute in enumerate(minutes):
            at = FIRST_DAY + timedelta(minutes=minute)
            kind = n % 20
            if kind == 7:
                yield from self._taken_back(f"CS{self._seed}-{500_000 + n}", at)
            elif kind == 13:
                yield from self._write_off(f"S{self._seed}-{500_000 + n}", at)
            else:
                yield from self._sale(f"S{self._seed}-{500_000 + n}", at, first=n == 0)
        yield (
            f"S{self._seed}-{500_000 + invoices}",
            self._codes[0],
            self._names[0],
            "many",
            "1/31/11 9:00",
            "1",
            "",
            "",
        )
        yield (f"S{self._seed}-{500_000 + invoices}", self._codes[0])

    def _sale(self, invoice: str, at: datetime, *, first: bool) -> Iterator[_Fields]:
        dice = self._dice
        customer = "" if dice.random() < 0.25 else str(12_000 + dice.randrange(60))
        country = dice.choice(_COUNTRIES)
        for line in range(dice.choice((1, 2, 4, 8, 12, 20, 30))):
            n = min(int(dice.expovariate(3 / len(self._codes))), len(self._codes) - 1)
            code = self._codes[n].lower() if dice.random() < 0.02 else self._codes[n]
            name = "" if dice.random() < 0.01 else self._names[n]
            price = "0" if dice.random() < 0.01 else _pounds(self._prices[n])
            when = at + timedelta(minutes=1) if first and line > 0 else at
            quantity = str(dice.choice((1, 1, 2, 3, 4, 6, 8, 12, 24)))
            yield (invoice, code, name, quantity, _time(when), price, customer, country)
            if dice.random() < 0.03 or first:
                yield (invoice, code, name, "1", _time(when), price, customer, country)
        if dice.random() < 0.1:
            yield (invoice, f"S{self._seed}-POST", "POSTAGE", "1", _time(at), "18", customer, country)
        if first:
            yield (invoice, f"S{self._seed}-PADS", "PADS", "1", _time(at), "0.001", customer, country)

    def _taken_back(self, invoice: str, at: datetime) -> Iterator[_Fields]:
        n = self._dice.randrange(len(self._codes))
        quantity, price = str(-self._dice.randrange(1, 6)), _pounds(self._prices[n])
        yield (invoice, self._codes[n], self._names[n], quantity, _time(at), price, "12000", "United Kingdom")

    def _write_off(self, invoice: str, at: datetime) -> Iterator[_Fields]:
        n = self._dice.randrange(len(self._codes))
        told = self._dice.choice(("", "damaged", "thrown away"))
        yield (invoice, self._codes[n], told, str(-self._dice.randrange(1, 40)), _time(at), "0", "", "United Kingdom")


def _time(at: datetime) -> str:
    return f"{at.month}/{at.day}/{at:%y} {at.hour}:{at:%M}"


def _pounds(pence: int) -> str:
    return f"{pence / 100:.2f}".rstrip("0").rstrip(".")
