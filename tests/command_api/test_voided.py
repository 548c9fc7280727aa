"""Giving records up over HTTP."""

from typing import Any
from uuid import uuid4

import httpx


def _body(unique: str, **changes: Any) -> dict[str, Any]:
    place = {"record_topic": "orders", "record_partition": 3, "record_offset": 2**62}
    return {"projection": unique, **place, "key": "o1", "reason": "a test order", **changes}


async def test_a_record_is_given_up_once_and_a_repeat_changes_nothing(api: httpx.AsyncClient, unique: str) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await api.post("/v1/voided-records", json=_body(unique), headers=key)
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    (event,) = first.json()["events"]
    assert (event["type"], event["record_id"]) == ("record.voided.v1", f"orders/3@{2**62}/{unique}")
    again = await api.post("/v1/voided-records", json=_body(unique), headers=key)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    other = await api.post("/v1/voided-records", json=_body(unique, reason="because"))
    assert (other.status_code, other.json()["events"], other.headers["etag"]) == (201, [], '"1"')
    assert other.headers["idempotent-replayed"] == "true"


async def test_what_names_no_record_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    for change, pointer in (
        ({"record_topic": "operations"}, "#/record_topic"),
        ({"record_offset": -1}, "#/record_offset"),
        ({"projection": "A B"}, "#/projection"),
        ({"reason": " "}, "#/reason"),
        ({"key": "a\x00"}, "#/key"),
    ):
        answer = await api.post("/v1/voided-records", json=_body(unique, **change))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
