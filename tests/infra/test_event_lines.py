import json
from datetime import UTC, datetime
from typing import Any

import pytest

from event_schemas.envelope import Envelope, to_headers
from event_schemas.record import LogRecord
from infra.event_lines import Filter, as_json, as_text

ENVELOPE = Envelope(
    id="e-1",
    type="order.placed.v1",
    subject="o-1",
    time=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
    sequence=1,
    command_id="c-1",
    correlation_id="story-1",
    causation_id="c-1",
    actor="staff:operator",
    writer="w",
    epoch=1,
)
RECORD = LogRecord("orders", 3, 42, 0, b"o-1", b'{"order_id":"o-1"}', to_headers(ENVELOPE))
NULL: Any = None
BARE = LogRecord("orders", 3, 43, 0, b"o-1", b"\xff not json", [])


def test_a_line_tells_time_place_type_subject_version_actor_and_data() -> None:
    assert as_text(RECORD).split() == [
        "2010-12-01",
        "08:26:00.000",
        "orders/3@42",
        "order.placed.v1",
        "o-1",
        "v1",
        "staff:operator",
        '{"order_id":"o-1"}',
    ]


def test_long_data_is_cut_and_a_void_record_is_marked() -> None:
    long = RECORD._replace(value=b"x" * 1000)
    assert as_text(long).endswith("x…")
    assert as_text(RECORD, void=True) == f"VOID {as_text(RECORD)}"
    assert as_text(BARE, void=True).startswith("VOID without an envelope")


def test_json_holds_all_headers_and_the_data_as_it_lies_there() -> None:
    shown = json.loads(as_json(RECORD))
    assert (shown["data"], shown["headers"]["ce_actor"], shown["void"]) == (
        {"order_id": "o-1"},
        "staff:operator",
        False,
    )
    assert json.loads(as_json(BARE, void=True))["data"] == "\ufffd not json"


def test_a_header_that_is_null_is_shown_as_null_and_fits_as_if_it_were_not_there() -> None:
    extra = RECORD._replace(headers=[*RECORD.headers, ("ce_type", NULL), ("note", NULL)])
    shown = json.loads(as_json(extra))["headers"]
    assert (shown["note"], shown["ce_actor"]) == (None, "staff:operator")
    assert as_text(extra) == as_text(RECORD)
    assert Filter(type_prefix="order.").wants(extra) is True
    bare = BARE._replace(headers=[("ce_type", NULL)])
    assert Filter(type_prefix="order.").wants(bare) is False


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Filter(), True),
        (Filter(subject="o-1", type_prefix="order.", correlation_id="story-1"), True),
        (Filter(subject="o-2"), False),
        (Filter(type_prefix="stock."), False),
        (Filter(correlation_id="story-2"), False),
    ],
)
def test_a_filter_wants_what_fits_in_every_way(wanted: Filter, fits: bool) -> None:
    assert wanted.wants(RECORD) is fits
    assert Filter(subject="o-1").wants(BARE) is False
