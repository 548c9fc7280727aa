"""How an event is declared: a frozen model under an explicit wire name and version, never a Python path."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


class Event(BaseModel):
    """Something that happened to an aggregate. Its docstring is its entry in the catalogue, in business language.

    Fields are only ever added, with a default; unknown ones are ignored, so that an older reader understands a
    newer writer. What cannot be added that way is a new version with an upcast from each older one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    wire_name: ClassVar[str]
    version: ClassVar[int]
    topic: ClassVar[str]
    wire_type: ClassVar[str]
    upcasts: ClassVar[Mapping[int, Upcast]] = {}


REGISTRY: dict[str, type[Event]] = {}
"""Every event class by its wire name (without version), filled as the modules of this package are imported."""

E = TypeVar("E", bound=type[Event])


def event(wire_name: str, *, topic: str, version: int = 1) -> Callable[[E], E]:
    """Declare a class as the event ``<wire_name>.v<version>`` of ``topic``.

    Raises ``TypeError`` at import when the name is taken, or when an older version has no upcast beside the class.
    """

    def declare(cls: E) -> E:
        if wire_name in REGISTRY:
            raise TypeError(f"event {wire_name} is declared twice")
        missing = [old for old in range(1, version) if old not in cls.upcasts]
        if missing:
            raise TypeError(f"event {wire_name}.v{version} has no upcast from version {missing[0]}")
        cls.wire_name, cls.version, cls.topic = wire_name, version, topic
        cls.wire_type = f"{wire_name}.v{version}"
        REGISTRY[wire_name] = cls
        return cls

    return declare
