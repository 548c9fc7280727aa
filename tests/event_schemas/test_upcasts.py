"""The events that have a second version: what becomes of the first."""

import json
from typing import Any

import pytest

from event_schemas.catalog import ProductWithdrawn, WithdrawalReason
from event_schemas.codec import InvalidEventValue, decode


def upcast(reason: Any) -> ProductWithdrawn:
    value = json.dumps({"product_id": "p", "reason": reason}).encode()
    event = decode("product.withdrawn.v1", value)
    assert isinstance(event, ProductWithdrawn)
    return event


@pytest.mark.parametrize("words", ["RECALLED", "recalled", " Recalled "])
def test_a_text_that_is_a_code_becomes_that_code(words: str) -> None:
    assert upcast(words) == ProductWithdrawn(product_id="p", reason=WithdrawalReason.RECALLED)


@pytest.mark.parametrize("words", ["OLD", "the supplier closed", "", "RECALL"])
def test_any_other_text_is_kept_as_the_note_of_another_reason(words: str) -> None:
    assert upcast(words) == ProductWithdrawn(product_id="p", reason=WithdrawalReason.OTHER, note=words)


@pytest.mark.parametrize("reason", [None, 7, ["RECALLED"], {}])
def test_what_was_no_text_was_never_written(reason: Any) -> None:
    with pytest.raises(InvalidEventValue, match=r"product\.withdrawn\.v1"):
        upcast(reason)


def test_the_second_version_knows_its_codes_only() -> None:
    with pytest.raises(InvalidEventValue, match="reason"):
        decode("product.withdrawn.v2", b'{"product_id":"p","reason":"OLD"}')
