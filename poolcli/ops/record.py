"""The shape of an op's record, and how a record finds its kernel without loading NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poolcli.engine.kernel import Cells, Fold

Kernel = Callable[["Cells", Mapping[str, Any]], "Fold"]


@dataclass(frozen=True)
class Param:
    """A parameter of one op: an option of its command and a keyword of the Python functions."""

    name: str
    type: type
    default: Any
    help: str


@dataclass(frozen=True)
class Op:
    """Everything that is known of one pooling operation.

    ``kernel`` is given what is known of the windows (:class:`poolcli.engine.kernel.Cells`) and the
    op's parameters, and says how the engine pools them.
    """

    name: str
    summary: str
    formula: str
    source: str
    kernel: Kernel
    aliases: tuple[str, ...] = ()
    divides: bool = False
    """Whether it divides by a count of cells: then count_include_pad and divisor mean something."""
    params: tuple[Param, ...] = ()


def lazy(module: str, function: str, *args: object) -> Kernel:
    """A kernel that imports its module when first used, so that listing ops loads no NumPy."""

    def kernel(cells: Cells, params: Mapping[str, Any]) -> Fold:
        make = getattr(importlib.import_module(module), function)
        fold: Fold = make(cells, *args, **params)
        return fold

    return kernel
