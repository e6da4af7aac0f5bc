"""The shape of an op's record, and how a record finds its kernel without loading NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from poolcli.engine.kernel import Cells, Kernel

MakeKernel = Callable[["Cells", Mapping[str, Any]], "Kernel"]


class Param(NamedTuple):
    """A parameter of one op: an option of its command and a keyword of the Python functions."""

    name: str
    type: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    """The words that mean something, where they are few."""


class Op(NamedTuple):
    """Everything that is known of one pooling operation.

    ``kernel`` is given what is known of the windows (:class:`poolcli.engine.kernel.Cells`) and the
    op's parameters, and says how the engine pools them.
    """

    name: str
    summary: str
    formula: str
    source: str
    kernel: MakeKernel
    aliases: tuple[str, ...] = ()
    divides: bool = False
    """Whether it divides by a count of cells: then count_include_pad and divisor mean something."""
    padding: str | int = 0
    """The padding of sliding windows when none is given."""
    params: tuple[Param, ...] = ()
    winner: MakeKernel | None = None
    """For ops that pick a cell by its value: the kernel that gives the picked cell's position."""
    blends: bool = False
    """Whether results are means: of colours weighted by alpha, and in linear light if wanted."""


def made_of(first: str, second: str, formula: Callable[[Any, Any], Any]) -> MakeKernel:
    """The kernel of an op that is a formula of two others' results, which it gets as floats."""
    return lazy("poolcli.ops.composed", "composed", first, second, formula)


def lazy(module: str, function: str, *args: object) -> MakeKernel:
    """A kernel that imports its module when first used, so that listing ops loads no NumPy."""

    def kernel(cells: Cells, params: Mapping[str, Any]) -> Kernel:
        make = getattr(importlib.import_module(module), function)
        made: Kernel = make(cells, *args, **params)
        return made

    return kernel
