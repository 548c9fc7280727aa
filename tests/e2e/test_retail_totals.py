"""An imported file against independent sums of it: the generated sample, or with `STOCKROOM_DATA` the real one."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from benchmarks.file_sums import sold_and_invoices
from infra.imports.sample import sample_csv
from infra.settings import Settings
from tests.e2e.command import stockroom
from tests.e2e.product import Product

SEED = 4_711


@pytest.fixture
def retail_file(settings: Settings, tmp_path: Path) -> Path:
    if settings.data is not None:
        return settings.data / "online_retail.csv.gz"
    path = tmp_path / "retail.csv.gz"
    path.write_bytes(gzip.compress(sample_csv(SEED)))
    return path


async def import_retail(file: Path) -> str:
    code, output = await stockroom("import", "retail", str(file))
    assert code == 0, output
    return output


async def ranked(settings: Settings, postgres: asyncpg.Pool, skus: Collection[str]) -> dict[str, int]:
    """The scores of these SKUs in the sorted set of all time."""
    rows = await postgres.fetch("SELECT product_id, sku FROM catalog.products WHERE sku = ANY($1::text[])", list(skus))
    async with Redis.from_url(settings.redis_address, decode_responses=True) as redis:
        generation = str(await redis.get("active:top_sellers"))
        scores: Any = await redis.zmscore(f"top_sellers:{generation}:top:sale:all", [row["product_id"] for row in rows])
    return {row["sku"]: int(score) for row, score in zip(rows, scores, strict=True) if score}


@pytest.mark.timeout(600)
async def test_an_imported_file_sells_what_an_independent_sum_says(
    product: Product, settings: Settings, postgres: asyncpg.Pool, retail_file: Path
) -> None:
    sold, invoices = sold_and_invoices(retail_file)
    before = (await product.get("/v1/top-sellers", limit=100))["items"]
    first = await import_retail(retail_file)
    assert f"{len(invoices):,} CONFIRMED" in first

    # What other tests sold stands in the same list.
    expected = sold + Counter({item["sku"]: item["total_quantity_sold"] for item in before})
    top = (await product.get("/v1/top-sellers", limit=100))["items"]
    assert [item["total_quantity_sold"] for item in top] == [pieces for _, pieces in expected.most_common(100)]
    assert all(item["total_quantity_sold"] == expected[item["sku"]] for item in top)
    assert await ranked(settings, postgres, sold) == dict(sold)

    at_once = asyncio.Semaphore(8)

    async def level(sku: str) -> tuple[str, int, int]:
        async with at_once:
            shown = await product.get(f"/v1/stock/{sku}")
            return sku, shown["reserved"], shown["available"]

    levels = await asyncio.gather(*map(level, sold))
    assert {sku: reserved for sku, reserved, _ in levels} == dict(sold)
    assert {available for _, _, available in levels} == {0}

    again = await import_retail(retail_file)
    assert (await product.get("/v1/top-sellers", limit=100))["items"] == top
    assert list(await asyncio.gather(*map(level, sold))) == list(levels)
    table = [line.split() for line in again.splitlines() if line.startswith(("products", "receipts", "orders "))]
    assert {line[1] for line in table if len(line) == 5 and line[1].isdecimal()} == {"0"}


async def test_a_longer_file_brings_only_what_the_shorter_one_did_not(product: Product, tmp_path: Path) -> None:
    lines = sample_csv(SEED + 1, products=30, invoices=40).decode().splitlines(keepends=True)
    begins = [n for n, line in enumerate(lines) if n and line.split(",")[0] != lines[n - 1].split(",")[0]]
    shorter, longer = tmp_path / "shorter.csv.gz", tmp_path / "longer.csv.gz"
    shorter.write_bytes(gzip.compress("".join(lines[: begins[len(begins) // 2]]).encode()))
    longer.write_bytes(gzip.compress("".join(lines).encode()))
    await import_retail(shorter)
    await import_retail(longer)
    sold, invoices = sold_and_invoices(longer)
    for sku, pieces in sold.items():
        shown = await product.get(f"/v1/stock/{sku}")
        assert (shown["reserved"], shown["available"]) == (pieces, 0), sku
    assert f"{len(invoices):,} CONFIRMED" in await import_retail(longer)
