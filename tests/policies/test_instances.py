"""Which instance a policy's commands go to, and what the table of an instance must look like."""

import asyncio
import json

import httpx
import pytest

from infra.partition_of import partition_of
from policies.bulk_line import BulkLine
from policies.instances import Instances
from policies.lanes import LANES, LINES_WORTH_A_LANE, lanes
from policies.routes import read_routes


def line(number: int, aggregate_id: str) -> BulkLine:
    return BulkLine(f"k{number}", aggregate_id, "ReserveStock", b"{}")


def test_a_partition_is_the_one_that_kafkas_own_producer_takes() -> None:
    assert [partition_of(key, 6) for key in ("85123A", "KB-1", "", "ß")] == [2, 4, 3, 0]


def test_a_table_is_read_with_its_owners_by_partition() -> None:
    told = {"generation": 7, "partitions": 2, "owners": {"0": "http://a:1/", "1": "http://b:1"}}
    routes = read_routes(json.dumps(told).encode())
    assert routes is not None
    assert (routes.generation, dict(routes.owners)) == (7, {0: "http://a:1", 1: "http://b:1"})
    key = next(str(number) for number in range(100) if partition_of(str(number), 2) == 1)
    assert routes.owner(key) == "http://b:1"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"null",
        b'{"generation": 1, "partitions": 6}',
        b'{"generation": 1, "partitions": 6, "owners": {}}',
        b'{"generation": 1, "partitions": 0, "owners": {"0": "http://a"}}',
        b'{"generation": 1, "partitions": 6, "owners": {"x": "http://a"}}',
        b'{"generation": 1, "partitions": 6, "owners": ["http://a"]}',
    ],
)
def test_what_is_no_table_is_none(answer: bytes) -> None:
    assert read_routes(answer) is None


async def test_while_nothing_is_known_the_first_address_is_taken_and_another_while_it_is_away() -> None:
    async with httpx.AsyncClient() as http:
        instances = Instances(http, ["http://a", "http://b"])
        assert instances.address_of("x") == "http://a"
        instances.is_away("http://a")
        assert instances.address_of("x") == "http://b"
        instances.answers("http://a")
        assert instances.address_of("x") == "http://a"


async def test_when_all_are_away_each_is_tried_in_its_turn() -> None:
    async with httpx.AsyncClient() as http:
        instances = Instances(http, ["http://a", "http://b"])
        for address in ("http://a", "http://b"):
            instances.is_away(address)
        assert [instances.address_of("x") for _ in range(4)] == ["http://a", "http://b"] * 2


async def test_nothing_moves_while_no_table_is_known() -> None:
    async with httpx.AsyncClient() as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await Instances(http, ["http://a"]).moved({"x"})


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (LINES_WORTH_A_LANE, 2), (10_000, LANES)])
def test_more_lines_for_one_instance_have_more_lanes_up_to_a_bound(count: int, expected: int) -> None:
    assert len(lanes([line(n, f"a{n}") for n in range(count)], lambda _: "http://a")) == expected


def test_an_aggregates_lines_stay_together_in_their_order_and_none_is_lost() -> None:
    lines = [line(number, f"a{number % 37}") for number in range(2_000)]
    addresses = {f"a{number}": f"http://{number % 3}" for number in range(37)}
    found = lanes(lines, addresses.__getitem__)
    assert sorted(x for lane in found for x in lane) == sorted(lines)
    for aggregate_id, address in addresses.items():
        (of_it,) = [lane for lane in found if any(each.aggregate_id == aggregate_id for each in lane)]
        expected = [each for each in lines if each.aggregate_id == aggregate_id]
        assert [each for each in of_it if each.aggregate_id == aggregate_id] == expected
        assert {addresses[each.aggregate_id] for each in of_it} == {address}
