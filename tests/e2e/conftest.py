"""The running product, started once for all tests that only use it."""

from collections.abc import AsyncIterator

import pytest

from infra.settings import Settings
from tests.e2e.product import Product, running_product


@pytest.fixture(scope="package")
async def product(settings: Settings) -> AsyncIterator[Product]:
    """The four processes on the servers of the tests."""
    async with running_product(settings) as running:
        yield running
