"""Where windows stand, and which are refused, by each framework's own rules.

The rules are those of torch.nn.functional's pooling (2.13), of keras.layers' pooling on TensorFlow
(Keras 3.15, TensorFlow 2.21) and of ONNX's pooling operators as onnxruntime 1.31 runs them. They
only place windows: pooling is the engine's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from poolcli.errors import InputError
from poolcli.windows import Sliding, Windows, axis_paddings, axis_values


class Axis(NamedTuple):
    """What is asked along one axis of n cells; ``padding`` is (before, after) or a word."""

    name: str
    n: int
    size: int
    stride: int
    padding: tuple[int, int] | str
    dilation: int
    ceil_mode: bool

    @property
    def effective(self) -> int:
        """The cells from the first to the last of a window."""
        return (self.size - 1) * self.dilation + 1


@dataclass(frozen=True)
class Rules:
    """One framework: which ops it pools by, what it refuses and where its windows stand.

    ``refusals`` gives reasons for an op and an axis. ``place`` raises InputError where the rules
    give no output.
    """

    name: str
    ops: tuple[str, ...]
    refusals: Callable[[str, Axis], Iterator[str]]
    place: Callable[[Axis], Windows]


@dataclass(frozen=True)
class RuledSliding(Sliding):
    """Sliding windows that stand where a framework's rules say."""

    rules: Rules | None = None

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis. Raises InputError where rules give none."""
        if self.rules is None:
            return super().resolve(names, cells)
        placed = tuple(map(self.rules.place, asked(self, names, cells)))
        for windows in placed:
            _refuse_empty(windows)
        return placed


def asked(sliding: Sliding, names: Sequence[str], cells: Sequence[int]) -> list[Axis]:
    """What is asked for, axis by axis. Raises UsageError or InputError for what means nothing."""
    sizes = axis_values("size", sliding.size, names, least=1)
    strides = sizes
    if sliding.stride is not None:
        strides = axis_values("stride", sliding.stride, names, least=1)
    dilations = axis_values("dilation", sliding.dilation, names, least=1)
    paddings = axis_paddings(0 if sliding.padding is None else sliding.padding, names)
    return [
        Axis(name, n, size, stride, padding, dilation, sliding.ceil_mode)
        for name, n, size, stride, padding, dilation in zip(
            names, cells, sizes, strides, paddings, dilations, strict=True
        )
    ]


def explicit(axis: Axis, before: int, after: int) -> Windows:
    """Windows with padding in numbers, as torch and onnxruntime place them.

    In ceil mode a kernel may exceed the padded input, as long as a window is left.
    """
    room = axis.n + before + after - axis.effective
    out = (-(-room // axis.stride) if axis.ceil_mode else room // axis.stride) + 1
    if axis.ceil_mode and (out - 1) * axis.stride >= axis.n + before:
        out -= 1
    if out < 1 or (room < 0 and not axis.ceil_mode):
        raise InputError(
            f"{axis.name}: a kernel that covers {axis.effective} cells does not fit into "
            f"{axis.n + before + after}"
        )
    starts = range(-before, -before + out * axis.stride, axis.stride)
    return Windows(axis.name, axis.n, starts, axis.size, axis.dilation, before, after)


def _refuse_empty(windows: Windows) -> None:
    for i in windows.clipped():
        if windows.real(i) == 0:
            raise InputError(
                f"{windows.axis}: window {i} would hold nothing but padding; what comes out then "
                "is no pooling"
            )


def _numbers(axis: Axis) -> Windows:
    assert not isinstance(axis.padding, str)  # words have been refused
    return explicit(axis, *axis.padding)


def _torch_refusals(op: str, axis: Axis) -> Iterator[str]:
    padding, size = axis.padding, axis.size
    if isinstance(padding, str):
        yield f"its pooling takes padding in numbers, not {padding!r}"
        return
    if padding[0] != padding[1]:
        yield f"it pads both sides alike, not {padding[0]} before and {padding[1]} after"
    if op == "lp" and max(padding) > 0:
        yield "its Lp pooling has no padding"
    if op != "max" and axis.dilation > 1:
        yield "of its poolings, only max pooling has dilation"
    if max(padding) > size // 2:
        yield f"it allows padding up to half of the kernel, and {max(padding)} > {size}/2"


def _keras_refusals(op: str, axis: Axis) -> Iterator[str]:
    if axis.ceil_mode:
        yield "it has no ceil mode"
    if axis.dilation > 1:
        yield "its pooling has no dilation"
    if isinstance(axis.padding, str):
        if axis.padding != "same":
            yield f"its padding is 'valid' or 'same', not {axis.padding!r}"
    elif any(axis.padding):
        yield "its padding is 'valid' or 'same', not a number"


def _keras_place(axis: Axis) -> Windows:
    if isinstance(axis.padding, str):
        (windows,) = Sliding(axis.size, axis.stride, "same").resolve([axis.name], [axis.n])
        return windows
    return explicit(axis, 0, 0)


def _onnx_refusals(op: str, axis: Axis) -> Iterator[str]:
    if axis.padding == "center":
        yield "its auto_pad knows no 'center'"
    elif isinstance(axis.padding, str):
        if op == "max" and axis.dilation == 1 and _onnx_same(axis) < 0:
            yield (
                f"onnxruntime's padding for SAME would be {_onnx_same(axis)}, and its max pooling "
                "takes no negative padding"
            )
    elif max(axis.padding) >= axis.size:
        yield (
            f"onnxruntime allows padding smaller than the kernel, and {max(axis.padding)} is not "
            f"smaller than {axis.size}"
        )


def _onnx_place(axis: Axis) -> Windows:
    if not isinstance(axis.padding, str):
        return explicit(axis, *axis.padding)
    total = _onnx_same(axis)
    # Its halves are rounded towards zero, also where the padding is negative.
    before = int((total + 1) / 2) if axis.padding == "same-lower" else int(total / 2)
    return explicit(axis, before, total - before)


def _onnx_same(axis: Axis) -> int:
    """The padding of SAME by onnxruntime: of the kernel without its dilation, even if negative."""
    return (math.ceil(axis.n / axis.stride) - 1) * axis.stride + axis.size - axis.n


FRAMEWORKS = (
    Rules("torch", ("max", "avg", "lp"), _torch_refusals, _numbers),
    Rules("keras", ("max", "avg"), _keras_refusals, _keras_place),
    Rules("onnx", ("max", "avg", "lp"), _onnx_refusals, _onnx_place),
)
OPS = ("max", "avg", "lp")
