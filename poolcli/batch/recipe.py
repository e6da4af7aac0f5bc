"""What is done to every input, in words that can be compared with those of another run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from poolcli.batch.asked import Asked
from poolcli.batch.manifest import Recipe
from poolcli.batch.pictures import Pictures

# How the work is shared out changes no byte of the results.
WITHOUT_MEANING = {"threads", "max_pixels"}


def recipe_of(
    asked: Asked,
    layouts: Mapping[int, str],
    format: str | None,
    pictures: Pictures = Pictures(),  # noqa: B008 (it is immutable)
) -> Recipe:
    """Give everything that the bytes of the results depend on, beside the inputs.

    >>> from poolcli.geometry import Sliding
    >>> from poolcli.plan import Request
    >>> recipe_of(Request("max", Sliding(2)), {}, ".npy")["geometry.size"]
    '2'
    """
    words = dict(_words("", asked)) | dict(_words("pictures", pictures))
    words |= {f"layout of {axes} axes": letters for axes, letters in layouts.items()}
    return words if format is None else {**words, "format": format}


def _words(name: str, value: Any) -> Iterator[tuple[str, str]]:
    fields = _fields(value)
    if fields is not None:
        yield name or "asked", type(value).__name__
        for field in fields:
            if field not in WITHOUT_MEANING:
                yield from _words(_below(name, field), getattr(value, field))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _words(_below(name, str(key)), item)
    elif isinstance(value, (tuple, list)) and any(_fields(item) is not None for item in value):
        for number, item in enumerate(value, 1):
            yield from _words(_below(name, str(number)), item)
    elif hasattr(value, "tobytes"):  # an array, such as the positions that unpooling goes by
        import hashlib  # late: few recipes hold arrays

        digest = hashlib.sha256(value.tobytes()).hexdigest()
        yield name, f"{value.dtype} {value.shape} {digest}"
    elif isinstance(value, Enum):
        yield name, str(value.value)
    elif value is not None:
        yield name, str(value)


def _fields(value: Any) -> Sequence[str] | None:
    """The names of what a record holds; None for what is no record."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return getattr(value, "_fields", None)  # as a NamedTuple has them


def _below(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part
