"""The commands that show the product: the guided tour, and the log as lines."""

import json
import shlex
from itertools import pairwise
from typing import Any

from aiokafka import AIOKafkaProducer

from infra.launcher.ports import free_ports
from infra.settings import Settings
from tests.e2e.command import stockroom
from tests.e2e.product import Product
from tests.support.golden_history import Shipped
from tests.support.log import LogWriter, shipped_entry


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
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, "true"), again.text


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


async def test_readers_at_the_console_show_old_and_new_versions_as_they_lie_there(
    product: Product, settings: Settings, unique: str
) -> None:
    added = await product.add(unique.upper(), 1)
    subject = str(added["product_id"])
    (first,) = await events("--subject", subject)
    value = f'{{"product_id":"{subject}","reason":"«Größe» closed"}}'
    old = Shipped("product.withdrawn.v1", subject, value.encode())
    async with LogWriter(settings.bootstrap_servers, "catalog", "an instance of before") as past:
        epoch = int(first["headers"]["ce_epoch"]) + 1_000
        await past.claim(first["partition"], epoch)
        entry = shipped_entry(old, writer=past.writer, epoch=epoch, sequence=2)
        await past.append_raw(first["partition"], [entry])
    await product.shows(f"/v1/products/{subject}", {"withdrawn_reason": "OTHER", "withdrawn_note": "«Größe» closed"})
    other = await product.add(f"{unique.upper()}-2", 1)
    recalled = {"reason": "RECALLED", "note": "Glass"}
    answer = await product.command.delete(f"/v1/products/{other['product_id']}", params=recalled)
    assert answer.status_code == 200, answer.text
    shown = [(await events("--subject", one))[-1] for one in (subject, other["product_id"])]
    assert [one["headers"]["ce_type"] for one in shown] == ["product.withdrawn.v1", "product.withdrawn.v2"]
    data = [json.loads(old.value), {"product_id": other["product_id"], **recalled}]
    assert [one["data"] for one in shown] == data
    _, console = await stockroom(
        "kafka-console-consumer", "--topic", "catalog", "--from-beginning", "--timeout-ms", "4000"
    )
    lines = [json.loads(line) for line in console.splitlines() if line.startswith('{"product_id"')]
    assert all(one in lines for one in data)


async def test_three_of_fifty_are_explained_from_the_command_to_the_rows(product: Product, unique: str) -> None:
    sku = unique.upper()
    await product.add(sku, 50)
    ordered = await product.order((sku, 3))
    await product.shows(f"/v1/orders/{ordered['order_id']}", {"status": "CONFIRMED"})
    await product.shows(f"/v1/stock/{sku}", {"available": 47})
    code, output = await stockroom("why", ordered["order_id"])
    assert code == 0, output
    lines = [line.lstrip("│├└─ ") for line in output.splitlines()]
    started = [
        next(n for n, line in enumerate(lines) if line.startswith(what))
        for what in (
            ordered["order_id"],
            "staff:operator",
            "order.placed.v1",
            "orders.timeline",
            "system:buy",
            "stock.reserved.v1",
            "stock.movements",
            "order.stock_recorded.v1",
            "order.confirmed.v1",
            "orders.orders",
        )
    ]
    assert started == sorted(started), output
    assert "kind=RESERVED  on_hand_delta=0  reserved_delta=3  balance_after=47" in output
    assert await stockroom("why", ordered["order_number"]) == (0, output)
    code, output = await stockroom("why", sku)
    assert (code, output.splitlines()[0]) == (0, f"{sku}  47 available = 50 on hand − 3 reserved")
    assert ordered["order_id"] in output
    assert "product.added.v1" in output
    code, output = await stockroom("why", "nobody")
    assert code == 1
    assert "Nothing is recorded of" in output


async def test_an_unknown_topic_is_refused(settings: Settings) -> None:
    code, output = await stockroom("events", "--topic", "nowhere")
    assert code == 2
    assert "catalog, stock, orders" in output
