"""Which changes of an event break those who wrote or read it before."""

from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from event_schemas.compatibility import breaks


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class MoreColours(StrEnum):
    RED = "RED"
    BLUE = "BLUE"
    GREEN = "GREEN"


class OneColour(StrEnum):
    RED = "RED"


class Part(BaseModel):
    sku: str


class WiderPart(Part):
    note: str | None = None


class StricterPart(Part):
    note: str


def found(old: Any, new: Any) -> list[str]:
    """The breaks between two declarations of the field ``x``; each a type, or a pair of type and default."""

    def schema(declared: Any) -> dict[str, Any]:
        pair = declared if isinstance(declared, tuple) else (declared, ...)
        return create_model("Thing", x=pair).model_json_schema()

    return breaks(schema(old), schema(new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (str, str),
        (str, (str, "none")),
        (str, str | None),
        (str, (str | None, None)),
        ((str | None, None), (str | int | None, None)),
        (Colour, MoreColours),
        (Colour, str),
        ((Colour | None, None), (MoreColours | None, None)),
        (Part, WiderPart),
        (tuple[Part, ...], tuple[WiderPart, ...]),
        (dict[str, Part], dict[str, WiderPart]),
        ((int, Field(ge=1)), (int, Field(ge=0))),
        ((int, Field(ge=1)), int),
        ((str, Field(pattern="^A$")), str),
        (OneColour, Literal["RED"]),
        (Literal["RED"], Colour),
        (Literal["RED"], str),
        (Literal[1], Literal[1, 2]),
        ((str, "none"), (str, "none")),
        ((Colour, Colour.RED), (MoreColours, MoreColours.RED)),
    ],
)
def test_what_is_only_added_or_loosened_is_compatible(old: Any, new: Any) -> None:
    assert found(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (str, int, "type changed"),
        (str | None, str, "type changed"),
        (str, Part, "type changed"),
        (str, tuple[str, ...], "type changed"),
        ((str | None, None), str | None, "required, and was not"),
        (Colour, OneColour, "values removed: BLUE"),
        ((Colour | None, None), (OneColour | None, None), "values removed: BLUE"),
        (tuple[Colour, ...], tuple[OneColour, ...], "values removed: BLUE"),
        (WiderPart, Part, "/x/note: removed"),
        (Part, StricterPart, "/x/note: required"),
        (tuple[Part, ...], tuple[StricterPart, ...], "/x/items/note: required"),
        (dict[str, WiderPart], dict[str, Part], "/x/additionalProperties/note: removed"),
        ((WiderPart | None, None), (Part | None, None), "/x/note: removed"),
        (int, (int, Field(ge=1)), "minimum raised"),
        ((int, Field(le=9)), (int, Field(le=8)), "maximum lowered"),
        (str, (str, Field(pattern="^A$")), "pattern changed"),
        (str, (str, Field(max_length=3)), "maxLength lowered"),
        (int, (int, Field(multiple_of=5)), "multipleOf changed"),
        (tuple[str, ...], frozenset[str], "uniqueItems changed"),
        (str, Colour, "values limited to BLUE, RED"),
        (str, Literal["A"], "values limited to A"),
        ((str | None, None), (Literal["A"] | None, None), "values limited to A"),
        (tuple[str, ...], tuple[Colour, ...], "values limited to BLUE, RED"),
        (Colour, Literal["RED"], "values removed: BLUE"),
        (Literal["A"], Literal["B"], "values removed: A"),
        ((str, "none"), (str, "nothing"), "/x: default changed from 'none' to 'nothing'"),
        ((str | None, None), (str | None, ""), "/x: default changed from None to ''"),
        ((Colour, Colour.RED), (Colour, Colour.BLUE), "/x: default changed from 'RED' to 'BLUE'"),
        ((str, "none"), (str, Field(default_factory=str)), "/x: default changed from 'none'"),
        ((str, "none"), str, "/x: required, and was not"),
    ],
)
def test_what_takes_away_or_tightens_is_a_new_version(old: Any, new: Any, reason: str) -> None:
    (told,) = found(old, new)
    assert reason in told


def test_fields_may_come_with_a_default_but_not_go_and_not_be_demanded() -> None:
    def schema(**fields: Any) -> dict[str, Any]:
        model: type[BaseModel] = create_model("Thing", x=(str, ...), y=(str, ...), **fields)
        return model.model_json_schema()

    old, added, demanded = schema(), schema(z=(int, 0)), schema(z=(int, ...))
    assert breaks(old, added) == []
    assert breaks(old, demanded) == ["/z: required, and was not"]
    assert breaks(added, old) == ["/z: removed"]
