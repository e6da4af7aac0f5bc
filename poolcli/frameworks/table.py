"""The frameworks, one row each: add one by adding a row and the file that it names.

The row holds what every run may need, the file all else that is known of the framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from poolcli.checks import one_of

if TYPE_CHECKING:
    from poolcli.frameworks.rules import Framework


class Row(NamedTuple):
    """A framework by its name here, its own spelling and what people may call it, too.

    ``ops`` are those by which it pools with sliding windows, by our names.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    ops: tuple[str, ...]

    def load(self) -> Framework:
        """All that is known of it: ``FRAMEWORK`` of the file of its name."""
        found: Framework = importlib.import_module(f"poolcli.frameworks.{self.name}").FRAMEWORK
        return found


ROWS = (
    Row("torch", "torch", ("pytorch",), ("max", "avg", "lp")),
    Row("keras", "Keras", ("tensorflow", "tf"), ("max", "avg")),
    Row("onnx", "ONNX", ("onnxruntime",), ("max", "avg", "lp")),
)
TABLE: dict[str, Row] = {row.name: row for row in ROWS}
OPS: tuple[str, ...] = tuple(dict.fromkeys(op for row in ROWS for op in row.ops))
_BY_ANY_NAME = {name: row for row in ROWS for name in (row.name, *row.aliases)}


def find_framework(what: str, name: object) -> Row:
    """The row of that name or alias; ``what`` messages call who asks.

    >>> find_framework("like", "PyTorch").name
    'torch'
    """
    row = _BY_ANY_NAME.get(name.lower()) if isinstance(name, str) else None
    if row is None:
        one_of(what, name, tuple(TABLE))  # which refuses it
        raise AssertionError(name)
    return row


def titles(ending: str = "") -> str:
    """All frameworks as people write them, with an ending.

    >>> titles("'s")
    "torch's, Keras's and ONNX's"
    """
    *others, last = [f"{row.title}{ending}" for row in ROWS]
    return f"{', '.join(others)} and {last}"
