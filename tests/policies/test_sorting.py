"""What a read means to a policy: what it reacts to, passes, and parks."""

from event_schemas.order import OrderConfirmed
from event_schemas.record import LogRecord
from policies.buy import BUY
from policies.policy import Policy
from policies.sorting import Sorted, Sorter
from tests.support.log import entry
from tests.support.orders import PLACED_AT, placed, sold


def record(key: str, *, wire_type: str | None = None, value: bytes | None = None, offset: int = 0) -> LogRecord:
    made = entry(placed(("A", 1), order_id=key), key, writer="w", epoch=1)
    headers = [(n, wire_type.encode() if n == "ce_type" and wire_type else v) for n, v in made.headers]
    return LogRecord("orders", 0, offset, 0, made.key, made.value if value is None else value, headers)


def parked_of(result: Sorted) -> list[tuple[bytes | None, str]]:
    return [(parked.record.key, parked.code) for parked in result.parked]


def test_a_record_that_cannot_be_decoded_parks_its_key_and_lets_others_go_on() -> None:
    result = Sorter(BUY, ()).sort([record("a", value=b"{"), record("b"), record("a"), record("c")])
    assert parked_of(result) == [(b"a", "invalid_event_value"), (b"a", "queued_behind")]
    assert [intent.causes[0].envelope.subject for intent in result.intents] == ["b", "c"]


def test_a_key_stays_parked_in_later_reads_and_after_a_restart() -> None:
    sorter = Sorter(BUY, ())
    sorter.sort([record("a", value=b"{")])
    assert parked_of(sorter.sort([record("a")])) == [(b"a", "queued_behind")]
    assert parked_of(Sorter(BUY, sorter.parked_keys).sort([record("a")])) == [(b"a", "queued_behind")]


def test_a_type_that_nobody_declares_is_parked_since_it_may_mean_something() -> None:
    result = Sorter(BUY, ()).sort([record("a", wire_type="order.lost.v1"), record("b", wire_type="order.placed.v9")])
    assert parked_of(result) == [(b"a", "unknown_event_type"), (b"b", "unknown_event_type")]


def test_an_event_that_the_policy_does_not_react_to_passes_undecoded() -> None:
    confirmed = entry(OrderConfirmed(order_id="a", placed_at=PLACED_AT, lines=sold(("A", 1))), "a", writer="w", epoch=1)
    broken = LogRecord("orders", 0, 0, 0, confirmed.key, b"{", confirmed.headers)
    assert Sorter(BUY, ()).sort([broken]) == Sorted([], [])


def test_a_record_without_its_envelope_is_parked() -> None:
    bare = LogRecord("orders", 0, 0, 0, b"a", b"{}", [("ce_type", b"order.placed.v1")])
    assert parked_of(Sorter(BUY, ()).sort([bare])) == [(b"a", "malformed_envelope")]


def test_an_event_that_the_policy_cannot_react_to_is_parked() -> None:
    def fail(_: object) -> list[object]:
        raise ZeroDivisionError("a mistake")

    policy = Policy("failing", BUY.reacts_to, fail)  # type: ignore[arg-type]
    result = Sorter(policy, ()).sort([record("a")])
    assert [(parked.code, parked.error) for parked in result.parked] == [
        ("reaction_failed", "ZeroDivisionError: a mistake")
    ]
