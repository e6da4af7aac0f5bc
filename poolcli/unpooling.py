"""Unpooling: values go back to the positions that pooling took them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from poolcli.checks import one_of
from poolcli.dtypes import convert, number_type
from poolcli.engine.arrays import Readable, Writable, read_whole, write_whole
from poolcli.engine.blocks import Memory
from poolcli.errors import InputError, UsageError
from poolcli.families import JsonObject, joined, sliding_words
from poolcli.frameworks.defaults import INDEX_CONVENTIONS, Preset, find_preset
from poolcli.geometry import Padding, axis_paddings, axis_values
from poolcli.layout import Layout, doubtful, find_layout, show_shape
from poolcli.windows import Grid, Windows

if TYPE_CHECKING:
    from poolcli.engine.blocks import Progress


class SlidingAxes(NamedTuple):
    """The sliding windows of a pooling, a number or a pair for each spatial axis."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    paddings: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Unpool:
    """Unpooling as asked for: where the values go. The rules are torch.nn.MaxUnpool2d's.

    ``indices`` are positions as :meth:`Plan.winners` gives them; −1 puts nothing. The size before
    pooling follows from the sliding windows, or is ``output_size`` where the windows were others.
    ``dtype`` and ``fit`` say how the results are stored, as in a Request.
    """

    indices: NDArray[Any]
    size: int | tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    padding: Padding = 0
    output_size: int | tuple[int, ...] | None = None
    layout: str | None = None
    like: str | None = None
    index: str | None = None
    dtype: DTypeLike | None = None
    fit: str = "exact"

    def __post_init__(self) -> None:
        if self.indices.dtype.kind not in "iu":
            raise InputError(f"indices are {self.indices.dtype}; whole numbers are meant")
        if self.size is None:
            if self.output_size is None:
                raise UsageError(
                    "unpooling needs the window size of the pooling, or the output size: that of "
                    "what was pooled"
                )
            if self.stride is not None or self.padding != 0:
                raise UsageError("stride and padding are those of windows; give their size, too")
        find_preset(self.like)
        if self.index is not None:
            one_of("index", self.index, INDEX_CONVENTIONS)

    nodata = None
    fills_files = False

    def with_nodata(self, nodata: float) -> Unpool:
        """Ask the same: values go back whatever they mean."""
        return self

    def with_results(self, dtype: DTypeLike | None, fit: str) -> Unpool:
        """Ask the same, with the results stored in this way."""
        return replace(self, dtype=dtype, fit=fit)

    def with_threads(self, threads: int) -> Unpool:
        """Ask the same: one thread scatters."""
        return self

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> UnpoolPlan:
        """What unpooling an array of this shape and dtype will do.

        ``layout`` is what the file itself tells; the request's own layout wins over it. Raises
        UsageError, or InputError where the windows or the indices do not fit.
        """
        if self.indices.shape != shape:
            raise InputError(
                f"indices have the shape {show_shape(self.indices.shape)}, the values "
                f"{show_shape(shape)}; both come from one pooling"
            )
        preset = find_preset(self.like)
        known = layout if self.layout is None else self.layout
        axes = self._axes(known, shape, preset)
        names = axes.spatial_names
        cells = [shape[i] for i in axes.spatial] if len(shape) == len(axes.letters) else None
        slides = None
        if self.size is None:
            lengths = axis_values("output size", self.output_size or 1, names, least=1)
        elif cells is None:
            raise UsageError("a value for each plane fits no windows; give the output size alone")
        else:
            slides = self._slides(self.size, names, preset)
            wanted: Sequence[int | None] = [None] * len(names)
            if self.output_size is not None:
                wanted = axis_values("output size", self.output_size, names, least=1)
            lengths = tuple(
                _unpooled(name, *window)
                for name, *window in zip(names, cells, *slides, wanted, strict=True)
            )
        rest = iter(shape if cells is None else [shape[i] for i in axes.others])
        pooled = dict(zip(axes.spatial, lengths, strict=True))
        kept = tuple(pooled[i] if i in pooled else next(rest) for i in range(len(axes.letters)))
        target = (dtype if self.dtype is None else number_type(self.dtype)).newbyteorder("=")
        return UnpoolPlan(self, axes, shape, dtype, kept, target, slides)

    def _axes(self, known: str | None, shape: tuple[int, ...], preset: Preset) -> Layout:
        """The layout of the result; the values may lack its spatial axes, as global pooling's do.

        That is clear where the layout that was given has them, or more of them are asked for than
        there are axes.
        """
        if isinstance(known, str) and len(Layout(known.upper()).without_spatial) == len(shape):
            return Layout(known.upper())
        asked = self.output_size
        if known is None and isinstance(asked, tuple) and len(asked) > len(shape):
            whole = Layout(preset.layouts.get(len(shape) + len(asked), "W"))
            if len(whole.spatial) == len(asked):
                return whole
        return find_layout(known, shape, preset.layouts)

    def _slides(
        self, size: int | tuple[int, ...], names: tuple[str, ...], preset: Preset
    ) -> SlidingAxes:
        """The windows of the pooling."""
        sizes = axis_values("size", size, names, least=1)
        strides = (1,) * len(names) if preset.unit_stride else sizes
        if self.stride is not None:
            strides = axis_values("stride", self.stride, names, least=1)
        paddings = []
        for padding in axis_paddings(self.padding, names):
            if isinstance(padding, str):
                raise UsageError(f"padding {padding!r}: unpooling needs the numbers")
            paddings.append(padding)
        return SlidingAxes(sizes, strides, tuple(paddings))


def _unpooled(
    name: str, n: int, size: int, stride: int, padding: tuple[int, int], wanted: int | None
) -> int:
    """The cells of an axis that was pooled to ``n``."""
    natural = (n - 1) * stride - sum(padding) + size
    if wanted is not None and abs(wanted - natural) >= stride:
        raise InputError(
            f"{name}: output size {wanted} cannot be pooled to {n}; from "
            f"{natural - stride + 1} to {natural + stride - 1} can"
        )
    cells = natural if wanted is None else wanted
    if cells < 1:
        raise InputError(f"{name}: padding {sum(padding)} leaves {cells} cells")
    return cells


@dataclass(frozen=True)
class UnpoolPlan:
    """What unpooling does to arrays of one shape and dtype."""

    request: Unpool
    axes: Layout
    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    output_shape: tuple[int, ...]
    output_dtype: np.dtype[Any]
    slides: SlidingAxes | None
    """The windows; None where the output size alone was given."""

    single = None
    coarser = ()

    @property
    def layout(self) -> str:
        """The axis letters of the input."""
        whole = len(self.input_shape) == len(self.axes.letters)
        return self.axes.letters if whole else self.axes.without_spatial

    @property
    def output_layout(self) -> str:
        """The axis letters of the result."""
        return self.axes.letters

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the input's cells, by axis letter."""
        axes, slides, grids = self.axes, self.slides, {}
        if len(self.input_shape) < len(axes.letters):
            return {}
        for number, axis in enumerate(axes.spatial):
            out, n = self.input_shape[axis], self.output_shape[axis]
            pooled = Grid(0, n / out)
            if slides is not None:
                before, stride = slides.paddings[number][0], slides.strides[number]
                starts = range(-before, out * stride - before, stride)
                pooled = Windows("", n, starts, slides.sizes[number]).grid
            grids[axes.letters[axis]] = pooled.turned()
        return grids

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result: what is not put back is 0."""
        return None

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers: none, every value goes somewhere."""
        return {}

    @property
    def warning(self) -> str | None:
        """Why the layout, which nobody said, may be the wrong one."""
        if self.request.layout or self.request.like or self.layout != self.axes.letters:
            return None
        return doubtful(self.axes, self.input_shape)

    @property
    def keepdims_shape(self) -> tuple[int, ...]:
        """The shape of the result, which has all axes."""
        return self.output_shape

    @property
    def index_convention(self) -> str:
        """What the positions count."""
        return self.request.index or find_preset(self.request.like).index

    def memory(self, read: Sequence[int] | None, written: Sequence[int] | None) -> Memory:
        """Nothing is said of it: all is in memory."""
        return Memory(0)

    def describe(self, times: str = "x") -> str:
        """Say what is put back: ``unpool 2x2 stride 2``."""
        like = self.request.like
        if self.slides is None:
            said = [f"to {joined(self._unpooled, times)}"]
        else:
            said = sliding_words(*self.slides, times)
        return " ".join(["unpool", *said, *([] if like is None else [f"like {like}"])])

    def as_json(self) -> JsonObject:
        """A record's ``op`` and ``windows``: those of the pooling."""
        windows: JsonObject = {"output_size": list(self._unpooled)}
        if self.slides is not None:
            sizes, strides, paddings = self.slides
            padding = [list(sides) for sides in paddings]
            windows = {"size": list(sizes), "stride": list(strides), "padding": padding}
        return {"op": "unpool", "windows": {"kind": "unpool", **windows}}

    @property
    def _unpooled(self) -> tuple[int, ...]:
        return tuple(self.output_shape[axis] for axis in self.axes.spatial)

    def run_into(self, x: Readable, out: Writable, *, progress: Progress | None = None) -> None:
        """Scatter ``x`` into ``out``."""
        write_whole(out, self.run(x, progress=progress))

    def winners(self, x: Readable) -> NDArray[np.int64]:
        """Raise UsageError: unpooling picks no cells."""
        raise UsageError("unpool has no indices; it takes those of a pooling")

    def run(self, x: Readable, *, progress: Progress | None = None) -> NDArray[Any]:
        """Scatter ``x``.

        Raises InputError for an index outside the result, and where values that differ have one
        place: each is the value of its cell, so that the positions must mean something else.
        """
        x = read_whole(x)
        convention = self.index_convention
        try:
            out = np.zeros(self.output_shape, self.output_dtype)
        except (MemoryError, ValueError, OverflowError):
            raise InputError(
                f"the result, {show_shape(self.output_shape)} {self.output_dtype}, does not fit "
                "in memory"
            ) from None
        indices = self.request.indices
        if len(x.shape) < len(self.axes.letters):
            x, indices = (np.expand_dims(array, self.axes.spatial) for array in (x, indices))
        positions, some = flat_positions(self.axes, convention, indices, self.output_shape)
        native = x.dtype.newbyteorder("=")
        values = np.empty(x.shape, self.output_dtype)
        convert(x.astype(native, copy=False), values, self.request.fit)
        put, cells, flat = values[some], positions[some], out.reshape(-1)
        flat[cells] = put
        overwritten = (flat[cells] != put) & (put == put)  # NaN is put like any other value
        if overwritten.any():
            first = int(np.flatnonzero(overwritten)[0])
            raise InputError(
                f"index {indices[some][first]} has the values {put[first]} and "
                f"{flat[cells[first]]}, and is that of one cell, as {convention} indices are "
                f"counted; {self.warning or _ADVICE}; medians between two cells have none of their "
                "own, which `method='lower'` gives"
            )
        return out


_ADVICE = (
    "if the pooling counted otherwise, name how: plane, tensor or channels-last (index), or the "
    "framework (like)"
)


def flat_positions(
    axes: Layout,
    convention: str,
    indices: NDArray[Any],
    shape: tuple[int, ...],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Flat positions in the result, and which of them are any."""
    letters = {"plane": "DHW", "tensor": axes.letters, "channels-last": "DHWC"}[convention]
    counted = [c for c in letters if c in axes.letters]
    lengths = [shape[axes.letters.index(c)] for c in counted]
    top = int(np.prod(lengths, dtype=object))
    some = indices != -1
    outside = some & ((indices < 0) | (indices >= top))
    if outside.any():
        raise InputError(
            f"index {indices[outside][0]} lies outside the result: {convention} indices of "
            f"{show_shape(shape)} {axes.letters} go from 0 to {top - 1}; {_ADVICE}"
        )
    flat = np.where(some, indices, 0).astype(np.int64)
    coordinates = dict(zip(counted, np.unravel_index(flat, lengths), strict=True))
    for axis, letter in enumerate(axes.letters):
        if letter not in coordinates:
            along = np.arange(indices.shape[axis])
            coordinates[letter] = along.reshape(-1, *[1] * (len(axes.letters) - axis - 1))
    grid = np.broadcast_arrays(*(coordinates[c] for c in axes.letters))
    return np.ravel_multi_index(grid, shape).astype(np.int64), some
