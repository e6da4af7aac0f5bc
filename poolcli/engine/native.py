"""The one door to the compiled kernels: a run over blocks, and every check of what they are given.

:class:`Work` takes what is the same for all blocks of a run, :meth:`Work.block` does a block.
C++ trusts what it is given, so whatever could make it read or write elsewhere is refused here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.engine.library import (
    CONTINUES,
    COUNT_PAD,
    DIVISOR,
    FITS,
    LARGEST,
    LIBRARY,
    NAN,
    NODATA,
    OPS,
    SKIP_NAN,
    SWAP_IN,
    SWAP_OUT,
    TYPE_CODES,
    UNFINISHED,
    Axis,
    Call,
    Span,
    takes,
)
from poolcli.errors import InputError
from poolcli.windows import Windows


class Missing(NamedTuple):
    """Which cells do not count, and what a window with too few others gives."""

    skip_nan: bool = False
    nodata: Any = None
    """A value of the cells' dtype, or None."""
    fill: Any = np.nan
    """Of the op's own results."""
    least: tuple[int, int] = (0, 1)
    """The fraction of a window's real cells that must be there, as numerator and denominator."""

    def mask(self, cells: Array) -> Array:
        """True where a cell is missing."""
        mask = np.zeros(cells.shape, bool) if self.nodata is None else cells == self.nodata
        return np.asarray(mask | np.isnan(cells) if self.skip_nan else mask)

    def short(self, valid: Array, real: Any) -> Array:
        """True for windows that have too few of their ``real`` cells: an op never sees those."""
        numerator, denominator = self.least
        return np.asarray((valid == 0) | (valid * denominator < real * numerator))


class Problem(InputError):
    """What a kernel has found: ``why`` is one of OVERFLOW, INEXACT, OUTSIDE, NAN, NEGATIVE."""

    def __init__(self, why: int, value: int | float) -> None:
        super().__init__(f"{value}")
        self.why, self.value = why, value


class Work:
    """What is the same for all blocks of one run.

    Blocks have the axes (lead…, spatial…, inner…): up to two others beside the spatial ones, of
    which at most one is inner. ``windows`` are those of whole axes. ``cell_coefs`` and
    ``window_coefs`` number cells and windows along these axes. ``params`` are the p and q of
    ``kernels/README.md``. ``weights``: edges are mirrored, and for each spatial axis cells have
    these, as ``mirrored.binomial_tables`` gives them. One thread at a time.
    """

    def __init__(
        self,
        op: str,
        in_dtype: np.dtype[Any],
        out_dtype: np.dtype[Any],
        windows: Sequence[Windows],
        lead: int,
        *,
        inner: bool = False,
        params: tuple[Sequence[float], Sequence[int]] = ((), ()),
        missing: Missing | None = None,
        divisor: float | None = None,
        count_include_pad: bool = False,
        fit: str = "exact",
        weights: Sequence[Array] | None = None,
        passes: int = 1,
        cell_coefs: Sequence[int] | None = None,
        window_coefs: Sequence[int] | None = None,
    ) -> None:
        self.windows, self.lead, self.inner = tuple(windows), lead, inner
        self.passes = passes
        self.axes = lead + len(self.windows) + inner
        if not 1 <= len(self.windows) <= 3 or not 0 <= lead <= 2:
            raise ValueError(f"{lead} lead and {len(self.windows)} spatial axes")
        self.in_dtype, self.out_dtype = np.dtype(in_dtype), np.dtype(out_dtype)
        self.cell_coefs = tuple(cell_coefs or (0,) * self.axes)
        self.window_coefs = tuple(window_coefs or (0,) * self.axes)
        if len(self.cell_coefs) != self.axes or len(self.window_coefs) != self.axes:
            raise ValueError("a coefficient for each axis is meant")
        if not takes(op, *params):
            raise ValueError(f"{op}: parameters {params}")
        for w in self.windows:
            _check_windows(w)
        call = self.call = Call()
        self._reference = ctypes.byref(call)
        call.op = OPS.index(op)
        call.in_type = TYPE_CODES[self.in_dtype.newbyteorder("=")]
        call.out_type = TYPE_CODES[self.out_dtype.newbyteorder("=")]
        call.fit = FITS.index(fit)
        call.options = (
            (0 if self.in_dtype.isnative else SWAP_IN)
            | (0 if self.out_dtype.isnative else SWAP_OUT)
            | (COUNT_PAD if count_include_pad else 0)
        )
        if divisor is not None:
            call.options |= DIVISOR
            call.divisor = divisor
        if missing is not None:
            self._set_missing(missing)
        for i, value in enumerate(params[0]):
            call.p[i] = value
        for i, number in enumerate(params[1]):
            call.q[i] = number
        self._scratch = np.empty(0, np.uint8)
        self._block_key: tuple[Any, ...] | None = None
        self._tables: dict[int, tuple[Array, Array]] = {}
        for axis in (call.lead[0], call.lead[1], call.inner):
            axis.count = 1
        for number in range(3 - len(self.windows)):
            _one_window(call.spatial[number])
        for number, w in enumerate(self.windows):
            self._set_axis(number, w)
        self.weights = self._set_weights(weights) if weights or op == "blur" else None

    def _set_missing(self, missing: Missing) -> None:
        call = self.call
        call.options |= SKIP_NAN if missing.skip_nan else 0
        if missing.nodata is not None:
            call.options |= NODATA
            if self.in_dtype.kind == "f":
                call.nodata_float = float(missing.nodata)
            else:
                call.nodata_int = _as_signed(int(missing.nodata))
        if isinstance(missing.fill, (float, np.floating)):
            call.fill_float = float(missing.fill)
        else:
            call.fill_int = _as_signed(int(missing.fill))
            call.fill_float = float(missing.fill)
        call.least_num, call.least_den = missing.least

    def _set_weights(self, weights: Sequence[Array] | None) -> list[Array]:
        from poolcli.engine.mirrored import table_shape  # late: one op mirrors

        tables = [np.ones((1, 1))] * (3 - len(self.windows)) + [
            np.ascontiguousarray(table, np.float64) for table in weights or ()
        ]
        shapes = [(1, 1)] * (3 - len(self.windows)) + [table_shape(w) for w in self.windows]
        if [table.shape for table in tables] != shapes:
            raise ValueError(f"weights of the shapes {shapes} are meant")
        for i, table in enumerate(tables):
            self.call.q[i] = table.ctypes.data
        return tables

    def _set_axis(self, number: int, w: Windows) -> None:
        span = self.call.spatial[3 - len(self.windows) + number]
        span.n, span.total, span.dilation = w.n, w.out, w.dilation
        span.pad_before, span.pad_after = w.pad_before, w.pad_after
        span.size = w.largest
        span.step = w.starts.step if isinstance(w.starts, range) and w.out > 1 else w.largest
        if not isinstance(w.starts, range) or not isinstance(w.sizes, int):
            sizes = np.empty(w.out, np.int64)
            sizes[...] = w.sizes
            starts = np.array(w.starts, np.int64)
            ends = starts + (sizes - 1) * w.dilation
            if (np.diff(starts) < 0).any() or (np.diff(ends) < 0).any():
                raise ValueError(f"{w.axis}: windows in order are meant")
            self._tables[number] = starts, sizes
        span.cell_coef = self.cell_coefs[self.lead + number]
        span.window_coef = self.window_coefs[self.lead + number]

    @property
    def known(self) -> bool:
        """Whether there is a kernel for this op and these types; after a block was set."""
        return bool(LIBRARY.pool_scratch(ctypes.byref(self.call)) >= 0)

    def block(
        self,
        cells: Array,
        out: Array,
        windows: Sequence[tuple[int, int]] | None = None,
        held: Sequence[int] | None = None,
        lead: Sequence[int] | None = None,
        *,
        state: Array | None = None,
        continues: bool = False,
        unfinished: bool = False,
        pass_number: int = 0,
    ) -> None:
        """Pool windows ``first … stop-1`` along each spatial axis (None: all) into ``out``.

        ``cells`` begins at the cells ``held`` of the spatial axes and at ``lead`` of the lead axes.
        For windows that come in pieces, rows after rows, ``state`` carries them from call to call.
        Ranks want all pieces ``passes`` times: the last piece of a pass is not unfinished, and that
        of the last pass gives the results.

        Raises Problem for values that the op or the target refuses.
        """
        self._set_block(cells, out, windows, held, lead, pieces=continues or unfinished)
        call = self.call
        options = call.options
        if continues or unfinished:
            wanted = LIBRARY.pool_state(ctypes.byref(call))
            if state is None or wanted < 0 or state.nbytes < wanted or not state.flags.carray:
                raise ValueError(f"a state of {wanted} bytes that can be written is meant")
            call.state = state.ctypes.data
            call.options |= (CONTINUES if continues else 0) | (UNFINISHED if unfinished else 0)
            if not 0 <= pass_number < self.passes:
                raise ValueError(f"pass {pass_number} of {self.passes}")
            if self.passes > 1:
                call.q[3] = pass_number
        try:
            self._run()
        finally:
            call.options = options
            call.state = None

    def again(self, cells: int, out: int) -> None:
        """Do the last block again, with cells and results at these addresses that lie alike.

        Raises Problem as :meth:`block` does.
        """
        call = self.call
        setattr(call, "in", cells)
        call.out = out
        LIBRARY.pool_run(self._reference)
        if call.found:
            raise Problem(*_found(call))

    @property
    def addresses(self) -> tuple[int, int]:
        """Where the last block's cells and results begin."""
        return getattr(self.call, "in"), self.call.out

    def first_nan(self, cells: Array, out: Array, **where: Any) -> tuple[int, ...] | None:
        """The place in the block of the first NaN that a window holds, by the op ``find nan``.

        ``out`` is only looked at for its shape; the rest is as for ``block``.
        """
        self._set_block(cells, out, **where)
        try:
            self._run()
        except Problem as problem:
            if problem.why != NAN:
                raise
            place, count = list(self.call.where), len(self.windows)
            spatial = [
                at - span.held
                for at, span in zip(
                    place[5 - count : 5], self.call.spatial[3 - count :], strict=True
                )
            ]
            return (*place[2 - self.lead : 2], *spatial, *place[5 : 5 + self.inner])
        return None

    def state_bytes(self, cells: Array, out: Array, **where: Any) -> int:
        """How large a state the pieces of these windows need."""
        self._set_block(cells, out, pieces=True, **where)
        return int(LIBRARY.pool_state(ctypes.byref(self.call)))

    def _run(self) -> None:
        call = self.call
        self._room()
        status = LIBRARY.pool_run(ctypes.byref(call))
        if status:
            raise ValueError(f"no kernel for {OPS[call.op]} of {self.in_dtype} ({status})")
        if call.found:
            raise Problem(*_found(call))

    def _room(self) -> None:
        call = self.call
        wanted = LIBRARY.pool_scratch(ctypes.byref(call))
        if wanted > len(self._scratch):
            self._scratch = np.empty(wanted + wanted // 4, np.uint8)
            call.scratch, call.scratch_bytes = self._scratch.ctypes.data, len(self._scratch)

    def _set_block(
        self,
        cells: Array,
        out: Array,
        windows: Sequence[tuple[int, int]] | None = None,
        held: Sequence[int] | None = None,
        lead: Sequence[int] | None = None,
        *,
        pieces: bool = False,
    ) -> None:
        """Describe the block, after checking that all it covers is there."""
        call = self.call
        key = (
            *(cells.shape, cells.strides, cells.dtype, out.shape, out.strides, out.dtype),
            *(windows and tuple(windows), held and tuple(held), lead and tuple(lead)),
            *(pieces, out.flags.writeable),
        )
        if key != self._block_key:  # else it is as the last one, but elsewhere
            self._block_key = None
            self._describe(cells, out, windows, held, lead, pieces)
            self._block_key = key
        setattr(call, "in", cells.ctypes.data)
        call.out = out.ctypes.data

    def _describe(
        self,
        cells: Array,
        out: Array,
        windows: Sequence[tuple[int, int]] | None,
        held: Sequence[int] | None,
        lead: Sequence[int] | None,
        pieces: bool,
    ) -> None:
        call, axes = self.call, self.axes
        if cells.ndim != axes or out.ndim != axes:
            raise ValueError(f"{cells.ndim} and {out.ndim} axes; {axes} are meant")
        if cells.dtype != self.in_dtype or out.dtype != self.out_dtype:
            raise ValueError(
                f"{cells.dtype} and {out.dtype}; not {self.in_dtype}, {self.out_dtype}"
            )
        if not out.flags.writeable:
            raise ValueError("the output is read-only")
        count = len(self.windows)
        windows = [(0, w.out) for w in self.windows] if windows is None else windows
        held = (0,) * count if held is None else held
        lead = (0,) * self.lead if lead is None else lead
        if len(windows) != count or len(held) != count or len(lead) != self.lead:
            raise ValueError("ranges and places for each axis are meant")
        others = [*range(self.lead), *([axes - 1] if self.inner else [])]
        for axis in others:
            if cells.shape[axis] != out.shape[axis] or not cells.shape[axis]:
                raise ValueError(
                    f"axis {axis}: {cells.shape[axis]} cells, {out.shape[axis]} results"
                )
        call.cell_base = call.window_base = 0
        for axis in range(self.lead):
            self._set_other(call.lead[2 - self.lead + axis], axis, cells, out)
            call.cell_base += lead[axis] * self.cell_coefs[axis]
            call.window_base += lead[axis] * self.window_coefs[axis]
        if self.inner:
            self._set_other(call.inner, axes - 1, cells, out)
        for number, w in enumerate(self.windows):
            axis = self.lead + number
            span = call.spatial[3 - count + number]
            first, stop = windows[number]
            if not 0 <= first < stop <= w.out or out.shape[axis] != stop - first:
                raise ValueError(f"{w.axis}: windows {first} to {stop} of {w.out}")
            call.window_base += first * self.window_coefs[axis]
            low, high = covered_cells(w, first, stop, mirrors=self.weights is not None)
            span.held, span.stop = held[number], held[number] + cells.shape[axis]
            if (span.held > low or span.stop < high) and not (pieces and number < count - 1):
                raise ValueError(f"{w.axis}: cells {span.held} to {span.stop}, not {low} to {high}")
            if span.held < 0 or span.stop > w.n:
                raise ValueError(f"{w.axis}: cells {span.held} to {span.stop} of {w.n}")
            if pieces and number < count - 1 and stop - first != 1:
                raise ValueError(f"{w.axis}: pieces are of one window, not {stop - first}")
            span.out, span.first, span.start = stop - first, first, w.starts[first]
            span.in_stride, span.out_stride = cells.strides[axis], out.strides[axis]
            span.starts = span.sizes = None
            if number in self._tables:
                span.starts, span.sizes = (
                    table.ctypes.data + 8 * first for table in self._tables[number]
                )

    def _set_other(self, axis: Axis, number: int, cells: Array, out: Array) -> None:
        axis.count = cells.shape[number]
        axis.in_stride, axis.out_stride = cells.strides[number], out.strides[number]
        axis.cell_coef, axis.window_coef = self.cell_coefs[number], self.window_coefs[number]


def _check_windows(w: Windows) -> None:
    """Refuse what no geometry makes: windows without a cell, out of order, or beyond 64 bits."""
    if isinstance(w.starts, range) and isinstance(w.sizes, int):
        ordered = w.out > 0 and (w.out == 1 or w.starts.step > 0) and w.sizes > 0
        # Of windows that reach past an edge the outermost have the fewest cells.
        some = range(w.out) if w.dilation > w.n else (0, w.out - 1)
        real = ordered and w.dilation > 0 and all(w.real(i) > 0 for i in some)
    else:
        sizes = [w.sizes] * w.out if isinstance(w.sizes, int) else w.sizes
        ordered = len(sizes) == w.out > 0 and min(sizes) > 0 and w.dilation > 0
        real = ordered and all(w.real(i) > 0 for i in range(w.out))
    if not ordered or not real:
        raise ValueError(f"{w.axis}: windows {w} that have cells are meant")
    ends = w.n + w.pad_before + w.pad_after, -w.starts[0], w.end(w.out - 1)
    # Padding by words is negative where windows do not reach the ends of the axis.
    if min(w.n, w.n + w.pad_before, w.n + w.pad_after) < 0 or max(ends) > LARGEST << 2:
        raise ValueError(f"{w.axis}: windows {w} that 64 bits can number are meant")


def _one_window(span: Span) -> None:
    """An axis that the array lacks: one cell, one window."""
    span.n = span.stop = span.out = span.total = span.step = span.size = span.dilation = 1


def covered_cells(w: Windows, first: int, stop: int, *, mirrors: bool) -> tuple[int, int]:
    """The real cells ``low … high-1`` that lie between the ends of these windows.

    With the edges mirrored also those that are seen beyond an edge.
    """
    low, high = w.span(first, stop)
    if mirrors and low < 0:
        high = max(high, 1 - low)
    if mirrors and high > w.n:
        low = min(low, 2 * w.n - 1 - high)
    return max(low, 0), min(high, w.n)


def address_of(array: Array) -> int:
    """Where the first of an array's cells lies."""
    try:  # a third of the time that NumPy takes to tell, which matters for arrays of a few cells
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):  # it is read-only, or has gaps
        return array.ctypes.data


def _as_signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _found(call: Call) -> tuple[int, int | float]:
    """The first offender: an exact integer where there is one."""
    why = call.found & -call.found
    whole = (call.bad_high << 64) + call.bad_low
    return why, whole if whole else call.bad_float
