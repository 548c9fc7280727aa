"""A command on its way: its key, its causes and its time."""

import json
from datetime import timedelta

from domain.stock_commands import ReserveStock
from event_schemas.record import Recorded
from policies.bulk_line import bulk_line
from policies.buy import BUY
from policies.lanes import requests
from policies.policy import Intent
from tests.support.orders import placed
from tests.support.policy_spec import intents
from tests.support.recorded import NOW, recorded


def line_of(*causes: Recorded, number: int = 0) -> dict[str, object]:
    command = intents(BUY, [recorded(placed(("A", 1)))])[0].command
    body: dict[str, object] = json.loads(bulk_line("buy", Intent(command, causes, number)).body)
    return body


def event(**when: object) -> Recorded:
    return recorded(placed(("A", 1)), **when)  # type: ignore[arg-type]


def test_a_line_says_what_who_and_why() -> None:
    cause = event(correlation_id='a "quoted" story')
    line = line_of(cause)
    assert line["actor"] == "system:buy"
    assert line["correlation_id"] == 'a "quoted" story'
    assert line["causation_id"] == cause.envelope.id
    assert "at" not in line
    assert isinstance(line["command"], dict)
    assert ReserveStock.model_validate(line["command"]).quantity == 1


def test_a_line_says_where_the_last_of_its_causes_lies_in_each_partition() -> None:
    causes = [event()._replace(topic="stock", partition=p, offset=o) for p, o in ((1, 7), (1, 9), (2, 3))]
    assert line_of(*causes)["follows"] == ["stock/1@9", "stock/2@3"]


def test_the_same_event_gives_the_same_key_again() -> None:
    cause = event()
    assert line_of(cause)["key"] == line_of(cause)["key"]


def test_each_command_of_an_event_has_a_key_of_its_own() -> None:
    cause = event()
    assert line_of(cause, number=0)["key"] != line_of(cause, number=1)["key"]


def test_each_policy_has_keys_of_its_own() -> None:
    intent = intents(BUY, [event()])[0]
    assert bulk_line("buy", intent).key != bulk_line("other", intent).key


def test_another_grouping_of_the_same_events_has_another_key() -> None:
    first, second = event(), event()
    assert len({line_of(first)["key"], line_of(second)["key"], line_of(first, second)["key"]}) == 3


def test_what_follows_from_history_happens_at_the_time_of_that_history() -> None:
    long_ago = NOW - timedelta(days=5_000)
    later = long_ago + timedelta(minutes=3)
    assert line_of(event(time=long_ago), event(time=later))["at"] == later.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_what_follows_from_the_present_happens_now() -> None:
    just_now = NOW - timedelta(minutes=59)
    assert "at" not in line_of(event(time=just_now))
    assert "at" not in line_of(event(time=NOW - timedelta(days=5_000)), event(time=just_now))


def test_a_request_is_cut_by_lines_and_by_bytes_and_loses_nothing() -> None:
    lines = [bulk_line("buy", Intent(command.command, (event(),), 0)) for command in intents(BUY, [event()] * 10)]
    size = len(lines[0].body) + 1
    assert [len(part) for part in requests(lines, 4, 1_000_000)] == [4, 4, 2]
    assert [len(part) for part in requests(lines, 100, size * 3)] == [3, 3, 3, 1]
    assert [len(part) for part in requests(lines, 100, 1)] == [1] * 10
    assert [line for part in requests(lines, 4, size * 3) for line in part] == lines
