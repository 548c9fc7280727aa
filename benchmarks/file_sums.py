"""What a retail file sells, summed by nothing but the csv module: no line of the import is used here."""

import csv
import gzip
from collections import Counter
from pathlib import Path


def sold_and_invoices(file: Path) -> tuple[Counter[str], set[str]]:
    """Pieces sold by stock code in upper case, and the invoices that sell something. `file` is a .csv.gz."""
    sold: Counter[str] = Counter()
    invoices = set()
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["InvoiceNo"].startswith("C") or not (row["Quantity"] or "").isdecimal():
                continue
            if float(row["UnitPrice"] or 0) == 0 or float(row["UnitPrice"]) >= 0.01:
                sold[row["StockCode"].strip().upper()] += int(row["Quantity"])
                invoices.add(row["InvoiceNo"])
    return sold, invoices
