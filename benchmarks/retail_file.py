"""Which retail file a benchmark imports, and how its command names it without a path of this machine."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.imports.sample import sample_csv
from infra.settings import settings

NAME = "online_retail.csv.gz"
SAMPLE_SEED = 3
SAMPLE_PRODUCTS = 3_700
SAMPLE_INVOICES = 23_000
"""Gives as many rows as the real file of half a year, in more and shorter invoices."""


@contextmanager
def retail_file(given: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """The file and the arguments that name it: the given one, that of STOCKROOM_DATA, or a generated sample."""
    data = settings().data
    if given is not None:
        is_of_data = data is not None and given.absolute() == (data / NAME).absolute()
        yield given.absolute(), [f"$STOCKROOM_DATA/{NAME}" if is_of_data else given.name]
    elif data is not None:
        yield data.absolute() / NAME, [f"$STOCKROOM_DATA/{NAME}"]
    else:
        with TemporaryDirectory(prefix="stockroom-sample-") as folder:
            path = Path(folder) / "sample.csv.gz"
            path.write_bytes(gzip.compress(sample_csv(SAMPLE_SEED, SAMPLE_PRODUCTS, SAMPLE_INVOICES)))
            yield path, []
