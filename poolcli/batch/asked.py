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


def with_threads(asked: T, threads: int) -> T:
    """Ask the same with this number of threads, wherever none was given."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(asked):
        value = getattr(asked, field.name)
        if field.name == "threads" and value is None:
            changes["threads"] = threads
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[field.name] = with_threads(value, threads)
    return dataclasses.replace(asked, **changes)
