"""What the beginning of a type stands for."""

import pytest

from event_schemas.type_prefix import UnknownTypePrefix, types_beginning


@pytest.mark.parametrize(
    ("prefix", "types"),
    [
        ("order.re", ["order.rejected.v1"]),
        ("order.placed.v1", ["order.placed.v1"]),
        ("product.withdrawn", ["product.withdrawn.v1", "product.withdrawn.v2"]),
    ],
)
def test_a_prefix_stands_for_every_version_of_all_that_begin_so(prefix: str, types: list[str]) -> None:
    assert types_beginning(prefix) == types


def test_other_types_than_those_of_events_count_where_they_are_given() -> None:
    assert types_beginning("stockroom.", ["stockroom.writer.beat.v1"]) == ["stockroom.writer.beat.v1"]
    with pytest.raises(UnknownTypePrefix):
        types_beginning("stockroom.writer")


@pytest.mark.parametrize(
    ("wrong", "close"),
    [
        ("order.plcaed", "order.placed.v1"),
        ("order.placed.v9", "order.placed.v1"),
        ("OrderPlaced", "order.placed.v1"),
        ("stok.reserved", "stock.reserved.v1"),
        ("orders.", "order.placed.v1"),
    ],
)
def test_of_a_wrong_one_those_that_come_close_are_named_and_not_all(wrong: str, close: str) -> None:
    with pytest.raises(UnknownTypePrefix, match="close to it: ") as refused:
        types_beginning(wrong)
    assert close in str(refused.value)
    assert "product.withdrawn.v2" not in str(refused.value)


def test_where_none_comes_close_all_are_named() -> None:
    with pytest.raises(UnknownTypePrefix) as refused:
        types_beginning("nonsense")
    assert str(refused.value).startswith("No type of event begins with 'nonsense'; there are ")
    assert all(one in str(refused.value) for one in types_beginning(""))
