"""Any event at all, for Hypothesis: values for each field of a model within the bounds that its declaration gives."""

from datetime import UTC
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import BaseMetadata
from hypothesis import strategies as st
from pydantic import BaseModel

from event_schemas.event import REGISTRY, Event
from event_schemas.money import Money

TEXT = st.text(max_size=20)
CURRENCIES = st.from_regex(r"\A[A-Z]{3}\Z")
WHOLE = st.integers(-(2**63), 2**63 - 1)


def events() -> st.SearchStrategy[Event]:
    """Any event that is declared."""
    return st.sampled_from(sorted(REGISTRY.values(), key=lambda cls: cls.wire_name)).flatmap(any_of)


def any_of(model: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a pydantic model."""
    if model is Money:
        return st.builds(Money, amount=WHOLE, currency=CURRENCIES)
    fields = {}
    for name, field in model.model_fields.items():
        bounds = [one for one in field.metadata if isinstance(one, BaseMetadata)]
        fields[name] = _values(field.annotation, bounds)
    return st.builds(model, **fields)


def _values(annotation: Any, bounds: list[BaseMetadata]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return st.one_of(*(_values(one, bounds) for one in arguments))
    if origin is tuple:
        return st.lists(_values(arguments[0], []), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0], []), _values(arguments[1], []), max_size=3)
    if annotation is NoneType:
        return st.none()
    if annotation is str:
        return TEXT
    if annotation is int:
        return st.from_type(Annotated[int, *bounds]).filter(lambda n: abs(n) < 2**63) if bounds else WHOLE  # type: ignore[arg-type]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any_of(annotation)
    return st.datetimes(timezones=st.just(UTC))
