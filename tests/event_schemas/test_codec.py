"""Events to bytes and back, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_schemas.codec import InvalidEventValue, UndecodableEvent, UnknownEventType, decode, encode
from event_schemas.event import Event
from event_schemas.order import OrderFlagged
from event_schemas.stock import StockAdjusted
from tests.support.any_event import events


@given(events())
def test_every_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(event.wire_type, encode(event)) == event


@given(events())
def test_a_value_is_json_that_a_person_can_read(event: Event) -> None:
    text = encode(event).decode()
    assert list(json.loads(text)) == [name for name in type(event).model_fields if getattr(event, name) is not None]
    assert "\n" not in text


def test_letters_beyond_ascii_stay_letters() -> None:
    assert "«Größe»" in encode(OrderFlagged(order_id="o", reason="«Größe»")).decode()


@given(events())
def test_a_field_of_a_newer_writer_is_ignored(event: Event) -> None:
    value = {**json.loads(encode(event)), "field_of_tomorrow": {"deep": [1]}}
    assert decode(event.wire_type, json.dumps(value).encode()) == event


@pytest.mark.parametrize(
    "wire_type",
    [
        "",
        "order.placed",
        "order.placed.v",
        "order.placed.v0",
        "order.placed.v2",
        "order.placed.v01",
        "order.placed.v-1",
        "order.placed.v" + "9" * 5_000,
        "order.placed.v١",
        "order.paid.v1",
        "OrderPlaced.v1",
        "stockroom.writer.claimed.v1",
    ],
    ids=lambda text: text[:40],
)
def test_a_type_that_is_not_declared_in_that_version_is_unknown(wire_type: str) -> None:
    with pytest.raises(UnknownEventType) as caught:
        decode(wire_type, b"{}")
    assert caught.value.code == "unknown_event_type"
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"sku":"A","warehouse_id":"MAIN","delta":"many","reason":"FOUND"}',
        b'{"sku":"A","warehouse_id":"MAIN","delta":1.5,"reason":"FOUND"}',
        b'{"sku":"A","warehouse_id":"MAIN","delta":1,"reason":"STOLEN"}',
        b'{"sku":"A","warehouse_id":null,"delta":1,"reason":"FOUND"}',
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_value_that_does_not_fit_is_invalid(value: bytes | None) -> None:
    with pytest.raises(InvalidEventValue) as caught:
        decode(StockAdjusted.wire_type, value)
    assert caught.value.code == "invalid_event_value"


@given(st.sampled_from([StockAdjusted.wire_type, OrderFlagged.wire_type]), st.binary(max_size=60))
def test_no_value_whatever_raises_anything_else(wire_type: str, value: bytes) -> None:
    try:
        decode(wire_type, value)
    except UndecodableEvent:
        return
    assert json.loads(value)
