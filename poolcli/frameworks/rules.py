"""What the files of frameworks share: what they say of one, and how its rules place windows.

Rules only place windows and say why; pooling is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from poolcli.errors import InputError
from poolcli.frameworks.defaults import Preset
from poolcli.geometry import Sliding, axis_paddings, axis_values
from poolcli.layout import show_shape
from poolcli.windows import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.frameworks.layers import Sequential


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
class Case:
    """One framework's windows for what was asked of it."""

    op: str
    asked: Sliding
    """The windows as they were typed: what is None or not said is up to the framework."""
    params: Mapping[str, Any]
    windows: tuple[Windows, ...]
    input_shape: tuple[int, ...]
    layout: str
    preset: Preset
    own_layout: bool
    """Whether the layout is the framework's own."""
    has_nan: bool

    @property
    def padded(self) -> bool:
        return any(w.pad_before > 0 or w.pad_after > 0 for w in self.windows)

    @property
    def one_sided(self) -> bool:
        return any(w.pad_before != w.pad_after for w in self.windows)

    @property
    def overhang(self) -> bool:
        """Whether some window reaches past the input and its padding."""
        return any(w.end(w.out - 1) > w.n + w.pad_after for w in self.windows)

    @property
    def exceeds(self) -> bool:
        """Whether some window is longer than the padded input."""
        return any(w.end(0) - w.starts[0] > w.n + w.pad_before + w.pad_after for w in self.windows)


Reason = tuple[Callable[[Case], bool], str | Callable[[Case], str]]
"""Whether a rule came into play, and the sentence that says so."""


def _as_pooled(_case: Case, values: NDArray[Any]) -> NDArray[Any]:
    return values


@dataclass(frozen=True)
class Framework:
    """All that is known of a framework, but for its names.

    ``refusals`` gives reasons against what is asked: an op, its axes, the op's parameters.
    ``resolve_axis`` raises InputError where the rules give no output. ``reasons`` say what it did
    that another might not. ``finish`` does to results what the framework does besides pooling.
    ``write`` gives the source of its layers, and raises UsageError where it has no such layer.
    """

    preset: Preset
    refusals: Callable[[str, Sequence[Axis], Mapping[str, Any]], Iterator[str]]
    resolve_axis: Callable[[Axis], Windows]
    reasons: tuple[Reason, ...]
    write: Callable[[Sequential], str]
    leaves_nan_out: tuple[str, ...] = ()
    """Ops that leave NaN out."""
    finish: Callable[[Case, NDArray[Any]], NDArray[Any]] = _as_pooled


@dataclass(frozen=True)
class RuledSliding(Sliding):
    """Sliding windows that stand where a framework's rules say."""

    resolve_axis: Callable[[Axis], Windows] | None = None

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis. Raises InputError where rules give none."""
        if self.resolve_axis is None:
            return super().resolve(names, cells)
        placed = tuple(map(self.resolve_axis, axes_of(self, names, cells)))
        for windows in placed:
            _refuse_empty(windows)
        return placed


def axes_of(sliding: Sliding, names: Sequence[str], cells: Sequence[int]) -> list[Axis]:
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


def resolve_numbers(axis: Axis) -> Windows:
    """Windows with padding in numbers, words having been refused."""
    assert not isinstance(axis.padding, str)
    return explicit(axis, *axis.padding)


def _layout(case: Case) -> str:
    return f"without a layout it reads {show_shape(case.input_shape)} as {case.layout}"


def _stride(case: Case) -> str:
    steps = show_shape([w.starts.step for w in case.windows if isinstance(w.starts, range)])
    default = "1" if case.preset.unit_stride else "the size"
    return f"without a stride it steps by {default}: {steps}"


READING: tuple[Reason, ...] = (
    (lambda c: c.own_layout and len(c.layout) > 2, _layout),
    (lambda c: c.asked.stride is None, _stride),
    (
        lambda c: c.asked.padding == "same" and c.one_sided,
        "the odd cell of padding that 'same' needs goes after the input",
    ),
)
PADDED_MAX: Reason = (
    lambda c: c.op == "max" and c.padded,
    "padding is -inf in max pooling, so it never wins",
)
CEIL_MODE: tuple[Reason, ...] = (
    (
        lambda c: c.exceeds,
        "in ceil mode a kernel may exceed the padded input, and pools what there is",
    ),
    (
        lambda c: c.overhang,
        "ceil mode keeps a last window that reaches past the end, if it starts inside",
    ),
    (
        lambda c: c.op == "avg" and c.overhang,
        "the mean never counts the cells that ceil mode reaches past the end",
    ),
)
