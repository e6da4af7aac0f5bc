"""From what is asked (a Request) to what will be done to one array (a Plan)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.block import NanFound
from poolcli.engine.cast import FITS
from poolcli.engine.job import Job, Missing
from poolcli.engine.kernel import Cells, Fold
from poolcli.engine.run import run
from poolcli.errors import InputError, UsageError
from poolcli.layout import AXIS_NAMES, Layout, channels_first_hint, find_layout
from poolcli.ops import find_op
from poolcli.windows import Geometry, Windows

NAN_POLICIES = ("propagate", "skip", "error")


@dataclass(frozen=True)
class Request:
    """Pooling as asked for, before any array is seen.

    ``fit`` says how results enter an integer ``dtype``: ``exact``, ``round`` (half to even, must
    fit) or ``clip`` (rounded and saturated).
    """

    op: str
    geometry: Geometry
    layout: str | None = None
    nan: str = "propagate"
    nodata: float | None = None
    count_include_pad: bool = False
    divisor: float | None = None
    dtype: str | np.dtype[Any] | None = None
    fit: str = "exact"
    keepdims: bool = True
    threads: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        op = find_op(self.op)
        _one_of("nan", self.nan, NAN_POLICIES)
        _one_of("fit", self.fit, FITS)
        if not op.divides and (self.count_include_pad or self.divisor is not None):
            raise UsageError(f"{op.name} divides by nothing: no count_include_pad and no divisor")
        if self.divisor is not None and not (math.isfinite(self.divisor) and self.divisor != 0):
            raise UsageError(f"divisor {self.divisor}: must be a number other than 0")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads {self.threads}: must be at least 1")
        unknown = set(self.params) - {param.name for param in op.params}
        if unknown:
            raise UsageError(f"{op.name} has no parameter {min(unknown)!r}")

    def plan(self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None) -> Plan:
        """What pooling an array of this shape and dtype will do.

        ``layout`` is what the file itself tells; the request's own layout wins over it.

        Raises UsageError for a request that means nothing and InputError where the windows or the
        layout do not fit the array.
        """
        dtype = np.dtype(dtype)
        if dtype.kind not in "biuf":
            raise InputError(f"dtype {dtype} cannot be pooled; bool, integers and floats can")
        chosen = self.layout or layout
        axes = find_layout(chosen, shape)
        hint = None if chosen else channels_first_hint(axes, shape)
        cells = [shape[i] for i in axes.spatial]
        windows = self.geometry.resolve(axes.spatial_names, cells)
        fold = self._fold(dtype, windows)
        target = fold.result if self.dtype is None else _number_type(self.dtype)
        output_shape = list(shape)
        for axis, w in zip(axes.spatial, windows, strict=True):
            output_shape[axis] = w.out
        return Plan(
            self, axes.letters, shape, dtype, tuple(output_shape), target, windows, fold, hint
        )

    def _fold(self, dtype: np.dtype[Any], windows: tuple[Windows, ...]) -> Fold:
        cells = Cells(
            dtype=dtype.newbyteorder("="),
            most=math.prod(w.largest for w in windows),
            levels=sum((w.largest - 1).bit_length() for w in windows),
            target=None if self.dtype is None else _number_type(self.dtype),
            rounds=self.fit != "exact",
        )
        op = find_op(self.op)
        defaults = {param.name: param.default for param in op.params}
        return op.kernel(cells, defaults | dict(self.params))


@dataclass(frozen=True)
class Plan:
    """What one request does to arrays of one shape and dtype."""

    request: Request
    layout: str
    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    kept_shape: tuple[int, ...]
    """The shape of the result with all axes kept."""
    output_dtype: np.dtype[Any]
    windows: tuple[Windows, ...]
    fold: Fold
    hint: str | None

    @property
    def output_layout(self) -> str:
        """The axis letters of the result; empty where one number is left."""
        return self.layout if self.request.keepdims else Layout(self.layout).without_spatial

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return tuple(
            n
            for letter, n in zip(self.layout, self.kept_shape, strict=True)
            if letter in self.output_layout
        )

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers, by axis name, where there are any."""
        return {w.axis: w.dropped for w in self.windows if w.dropped}

    def run(
        self,
        x: NDArray[Any],
        out: NDArray[Any] | None = None,
        *,
        block_bytes: int | None = None,
    ) -> NDArray[Any]:
        """Pool ``x``, into ``out`` if given (of the output's shape and dtype, not overlapping)."""
        if x.shape != self.input_shape or x.dtype != self.input_dtype:
            raise InputError(
                f"planned for {self.input_shape} {self.input_dtype}, got {x.shape} {x.dtype}"
            )
        if out is None:
            out = np.empty(self.output_shape, self.output_dtype)
        self._check_out(x, out)
        axes = Layout(self.layout)
        kept = out if self.request.keepdims else np.expand_dims(out, axes.spatial)
        request = self.request
        job = Job(
            fold=self.fold,
            source=_view(x, axes),
            out=_view(kept, axes),
            windows=self.windows,
            lead=len(axes.lead),
            missing=self._missing(),
            refuse_nan=request.nan == "error" and x.dtype.kind == "f",
            divisor=request.divisor,
            count_include_pad=request.count_include_pad,
            fit=request.fit,
        )
        try:
            run(job, threads=request.threads, block_bytes=block_bytes)
        except NanFound as found:
            place = dict(zip(axes.order, found.place, strict=True))
            where = ", ".join(f"{AXIS_NAMES[c]} {place[i]}" for i, c in enumerate(axes.letters))
            raise InputError(f"NaN at {where}; use --nan skip or --nan propagate") from None
        return out

    def _check_out(self, x: NDArray[Any], out: NDArray[Any]) -> None:
        if out.shape != self.output_shape or out.dtype != self.output_dtype:
            raise UsageError(
                f"out has shape {out.shape} and dtype {out.dtype}; the result has "
                f"{self.output_shape} and {self.output_dtype}"
            )
        if np.may_share_memory(x, out):
            raise UsageError("out shares memory with the input; give an array of its own")

    def _missing(self) -> Missing | None:
        nodata = self.request.nodata
        skips = self.request.nan == "skip" and self.input_dtype.kind == "f"
        if nodata is None:
            fill = np.nan if self.output_dtype.kind == "f" else 0
            return Missing(True, None, fill) if skips else None
        value = _as_cell(nodata, self.input_dtype, "input")
        fill = _as_cell(nodata, self.fold.result, "result")
        if isinstance(value, np.floating) and np.isnan(value):
            return Missing(True, None, fill)
        return Missing(skips, value, fill)


def _view(array: NDArray[Any], axes: Layout) -> NDArray[Any]:
    """The engine's view of an array: lead, spatial and inner axes in that order."""
    return array.transpose(axes.order)


def _as_cell(value: float, dtype: np.dtype[Any], what: str) -> Any:
    """``nodata`` as a value of ``dtype``: the nearest float, or exactly an integer."""
    native = dtype.newbyteorder("=")
    if native.kind == "f":
        return native.type(value)
    low, high = (0, 1) if native.kind == "b" else (np.iinfo(native).min, np.iinfo(native).max)
    if not (math.isfinite(value) and value == int(value) and low <= int(value) <= high):
        raise InputError(f"nodata {value:g} is no value of the {what}'s dtype {native}")
    return native.type(int(value))


def _number_type(name: str | np.dtype[Any]) -> np.dtype[Any]:
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise UsageError(
            f"dtype {name!r} is unknown; use bool, int8 … uint64, float16 … float64"
        ) from None
    if dtype.kind not in "biuf":
        raise UsageError(f"dtype {name!r}: results are bool, integers or floats")
    return dtype


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{what} {value!r}: use {', '.join(known)}")
