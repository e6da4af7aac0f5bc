"""What can be asked of every input."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Protocol, TypeVar


class Dataclass(Protocol):
    """A value of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Asked(Dataclass, Protocol):
    """What can be asked of every input: a Request, or what is planned and run like one."""

    @property
    def dtype(self) -> Any:
        """The dtype to store results in; None for their own."""

    @property
    def fit(self) -> str:
        """How results enter an integer dtype."""

    def plan(self, shape: tuple[int, ...], dtype: Any, layout: str | None = None) -> Any:
        """Say what will be done to one array."""


T = TypeVar("T", bound=Dataclass)


def with_default(asked: T, name: str, default: Any) -> T:
    """Ask the same with this for the field called ``name``, wherever nothing was given."""
    return dataclasses.replace(
        asked,
        **{
            field.name: default
            if field.name == name and getattr(asked, name) is None
            else _inside(getattr(asked, field.name), name, default)
            for field in dataclasses.fields(asked)
        },
    )


def _inside(value: Any, name: str, default: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return with_default(value, name, default)
    if type(value) is tuple:
        return tuple(_inside(item, name, default) for item in value)
    return value
