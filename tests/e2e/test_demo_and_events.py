"""The commands that show the product: the guided tour, and the log as lines."""

import asyncio
import json
import os
import shlex
import sys
from itertools import pairwise
from typing import Any

from aiokafka import AIOKafkaProducer

from infra.launcher.ports import free_ports
from infra.settings import REPOSITORY, Settings
from tests.e2e.product import Product


async def stockroom(*arguments: str, **environment: str) -> tuple[int | None, str]:
    """Exit code and output of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        *arguments,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def events(*arguments: str) -> list[dict[str, Any]]:
    code, output = await stockroom("events", "--json", *arguments)
    assert code == 0, output
    return [json.loads(line) for line in output.splitlines()]


async def test_the_tour_goes_through_to_its_end_and_can_be_repeated(product: Product) -> None:
    for _ in range(2):
        code, output = await stockroom("demo")
        assert code == 0, output
        assert '"quantity": 47' in output
        assert "Idempotent-Replayed: true" in output
        assert "HTTP 412" in output
        assert "OUT_OF_STOCK" in output
        assert output.rindex("top-sellers?") > output.rindex("$ ./stockroom rebuild")


async def test_the_new_price_of_the_tour_can_be_sent_again_by_hand(product: Product) -> None:
    code, output = await stockroom("demo")
    assert code == 0, output
    shown = output[output.index("$ curl -sS -i -X PATCH") + 2 :]
    curl = shlex.split(shown[: shown.index("    HTTP ")])
    url = next(word for word in curl if word.startswith("http"))
    headers = [word for option, word in pairwise(curl) if option == "-H"]
    again = await product.command.patch(
        url, content=curl[-1], headers=dict(header.split(": ", 1) for header in headers)
    )
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")


async def test_a_tour_without_the_product_says_what_to_start(settings: Settings) -> None:
    code, output = await stockroom("demo", STOCKROOM_COMMAND_API_PORT=str(free_ports(1)[0]))
    assert code == 1
    assert "./stockroom up" in output
    assert "Traceback" not in output


async def test_the_log_is_read_by_subject_type_and_story_and_hides_what_never_happened(
    product: Product, settings: Settings, unique: str
) -> None:
    sku = unique.upper()
    added = await product.add(sku, 5)
    (received,) = await events("--subject", sku)
    assert (received["topic"], received["headers"]["ce_type"]) == ("stock", "stock.received.v1")
    story = await events("--correlation", received["headers"]["ce_correlationid"])
    assert [one["headers"]["ce_subject"] for one in story] == [added["product_id"], sku]
    assert await events("--subject", sku, "--type", "order.") == []
    assert len(await events("--topic", "stock", "--limit", "1")) == 1

    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as stranger:
        headers = [("ce_type", b"stock.received.v1"), ("ce_subject", sku.encode())]
        await stranger.send_and_wait("stock", b'{"forged":true}', key=sku.encode(), headers=headers)
    assert await events("--subject", sku) == [received]
    assert [one["void"] for one in await events("--subject", sku, "--void")] == [False, True]
    await product.shows(f"/v1/stock/{sku}", {"on_hand": 5})


async def test_an_unknown_topic_is_refused(settings: Settings) -> None:
    code, output = await stockroom("events", "--topic", "nowhere")
    assert code == 2
    assert "catalog, stock, orders" in output
