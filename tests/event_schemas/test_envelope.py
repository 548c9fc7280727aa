"""The envelope in the headers of a record."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_schemas.envelope import Envelope, MalformedEnvelope, from_headers, instant, to_headers

ENVELOPE = Envelope(
    id="0193a3c0-7b1e-7c2d-8f3a-5b6c7d8e9f00",
    type="order.placed.v1",
    subject="order-1",
    time=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
    sequence=1,
    command_id="command-1",
    correlation_id="story-1",
    causation_id="cause-1",
    actor="user:17850",
    writer="writer-1",
    epoch=3,
)
REQUIRED = [
    "ce_id",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_sequence",
    "ce_commandid",
    "ce_correlationid",
    "ce_causationid",
    "ce_actor",
    "ce_writer",
    "ce_epoch",
]
ENVELOPES = st.builds(
    Envelope,
    **dict.fromkeys(Envelope._fields, st.text(max_size=20)),
).flatmap(
    lambda envelope: st.builds(
        envelope._replace,
        time=st.datetimes(timezones=st.just(UTC)),
        sequence=st.integers(1, 10**12),
        epoch=st.integers(0, 10**12),
    )
)


NULLS = st.lists(st.tuples(st.sampled_from([*REQUIRED, "ce_fingerprint", "traceparent", "other"]), st.none()))


@given(ENVELOPES, NULLS, st.data())
def test_a_header_without_a_value_is_as_good_as_none(
    envelope: Envelope, nulls: list[tuple[str, None]], data: st.DataObject
) -> None:
    headers = data.draw(st.permutations([*to_headers(envelope), *nulls]))
    assert from_headers(headers) == envelope  # type: ignore[arg-type]  # Kafka knows headers without a value


@given(ENVELOPES, ENVELOPES)
def test_of_several_headers_of_one_name_the_last_counts(earlier: Envelope, later: Envelope) -> None:
    found = from_headers([*to_headers(earlier), *to_headers(later)])
    optional = {name: getattr(later, name) or getattr(earlier, name) for name in ("fingerprint", "traceparent")}
    assert found == later._replace(**optional)


@given(ENVELOPES)
def test_an_envelope_comes_back_as_it_was(envelope: Envelope) -> None:
    assert from_headers(to_headers(envelope)) == envelope


def test_the_headers_are_cloudevents_in_binary_mode() -> None:
    headers = dict(to_headers(ENVELOPE))
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_time"] == b"2010-12-01T08:26:00.000000Z"
    assert headers["content-type"] == b"application/json"
    assert headers["ce_dataschema"] == b"/event_schemas/schemas/order.placed.v1.json"
    assert set(REQUIRED) <= headers.keys()


def test_what_is_empty_has_no_header() -> None:
    names = dict(to_headers(ENVELOPE)).keys()
    assert not names & {"ce_fingerprint", "traceparent"}
    full = dict(to_headers(ENVELOPE._replace(fingerprint="f", traceparent="00-1-2-01")))
    assert (full["ce_fingerprint"], full["traceparent"]) == (b"f", b"00-1-2-01")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
def test_a_header_that_every_event_has_must_be_there(name: str, null: bool) -> None:
    headers = [(n, v) for n, v in to_headers(ENVELOPE) if n != name]
    if null:
        headers.append((name, None))  # type: ignore[arg-type]  # Kafka knows headers without a value
    with pytest.raises(MalformedEnvelope, match=name) as caught:
        from_headers(headers)
    assert caught.value.code == "malformed_envelope"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_time", b"yesterday"),
        ("ce_time", b"2010-12-01T08:26:00"),
        ("ce_sequence", b"first"),
        ("ce_epoch", b"1.5"),
        ("ce_actor", b"\xff"),
    ],
)
def test_a_header_that_cannot_be_read_makes_the_envelope_malformed(name: str, value: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        from_headers([*to_headers(ENVELOPE), (name, value)])


def test_an_instant_is_told_in_utc_with_microseconds() -> None:
    berlin = datetime(2026, 3, 1, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert instant(berlin) == "2026-03-01T12:00:00.000005Z"
