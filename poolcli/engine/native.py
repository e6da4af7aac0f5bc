"""The one door to the compiled kernels (``poolcli/kernels``): their struct, and every check.

:func:`prepare` takes what is the same for all blocks of a run, :meth:`Work.block` does a block.
C++ trusts what it is given, so whatever could make it read or write elsewhere is refused here.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.errors import InputError
from poolcli.windows import Windows

VERSION = 1

# In the order of enum pool_type; NumPy's bool, then by size.
TYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
TYPE_CODES = {np.dtype(name): code for code, name in enumerate(TYPES)}

# In the order of enum pool_op.
OPS = (
    *("max", "min", "range", "sum", "avg", "mixed", "rms", "subsample"),
    *("argmax", "argmin", "find nan"),
    *("quantile", "mode", "argquantile"),
    *("lp", "gem", "soft", "lse", "var", "std", "blur"),
    *("sample", "expected", "area", "count"),
)
FITS = ("exact", "round", "clip")
ISAS = ("base", "v3", "v4")

# enum pool_option
SWAP_IN, SWAP_OUT, SKIP_NAN, NODATA, COUNT_PAD, DIVISOR, CONTINUES, UNFINISHED = (
    1 << i for i in range(8)
)
# enum pool_found
OVERFLOW, INEXACT, OUTSIDE, NAN, NEGATIVE = (1 << i for i in range(5))

_int, _long, _real, _address = ctypes.c_int32, ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class Axis(ctypes.Structure):
    """struct pool_axis."""

    _fields_ = [
        (name, _long)
        for name in ("count", "in_stride", "out_stride", "cell_coef", "window_coef")
    ]  # fmt: skip


class Span(ctypes.Structure):
    """struct pool_windows."""

    _fields_ = [
        *((name, _long) for name in ("n", "held", "stop", "out", "first", "total")),
        *((name, _long) for name in ("start", "step", "size", "dilation")),
        *((name, _long) for name in ("pad_before", "pad_after")),
        ("starts", _address),
        ("sizes", _address),
        *((name, _long) for name in ("in_stride", "out_stride", "cell_coef", "window_coef")),
    ]  # fmt: skip


class Call(ctypes.Structure):
    """struct pool_call."""

    _fields_ = [
        *((name, _int) for name in ("op", "in_type", "out_type", "fit", "options", "found")),
        ("in", _address),
        ("out", _address),
        ("scratch", _address),
        ("scratch_bytes", _long),
        ("state", _address),
        ("lead", Axis * 2),
        ("spatial", Span * 3),
        ("inner", Axis),
        ("cell_base", _long),
        ("window_base", _long),
        ("divisor", _real),
        ("nodata_float", _real),
        ("nodata_int", _long),
        ("fill_float", _real),
        ("fill_int", _long),
        ("least_num", _long),
        ("least_den", _long),
        ("p", _real * 4),
        ("q", _long * 4),
        ("bad_float", _real),
        ("bad_high", _long),
        ("bad_low", ctypes.c_uint64),
        ("where", _long * 6),
    ]  # fmt: skip


def layout() -> list[int]:
    """The version, the count of ops, sizes and offsets of this module's structs, as C numbers them.

    >>> layout() == library_layout()
    True
    """
    offsets = [
        getattr(struct, name).offset
        for struct in (Axis, Span, Call)
        for name in (field[0] for field in struct._fields_)
    ]
    return [VERSION, len(OPS), *map(ctypes.sizeof, (Axis, Span, Call)), *offsets]


def library_layout() -> list[int]:
    """The same numbers as the library has them."""
    numbers = (ctypes.c_int64 * 256)()
    return list(numbers[: _library.pool_layout(numbers, 256)])


def _load() -> ctypes.CDLL:
    name = "_native.dll" if os.name == "nt" else "_native.so"
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), name)
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"the compiled part of poolcli is missing ({error}); install poolcli again, with a "
            "C++ compiler or CXX naming one"
        ) from None
    library.pool_run.argtypes = [ctypes.c_void_p]
    for function in (library.pool_scratch, library.pool_state):
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_int64
    return library


_library = _load()


def use_isa(name: str | None = None) -> str:
    """Use no instructions beyond ``name`` (base, v3, v4; None for all); returns what is in use.

    Results do not depend on it. The variable POOLCLI_ISA sets it at the start. For tests; not
    while another thread pools.
    """
    most = ISAS.index(name) if name in ISAS else len(ISAS) - 1
    return ISAS[_library.pool_isa(most)]


if library_layout() != layout():
    raise ImportError("the compiled part of poolcli is of another version; install poolcli again")
use_isa(os.environ.get("POOLCLI_ISA"))


# What kernels take for granted of their p and q (kernels/README.md); others have none.
_Numbers = Sequence[Any]
_MOST = 1 << 60
_METHODS = 5


def _is_none(p: _Numbers, q: _Numbers) -> bool:
    return not p and not q


def _is_fraction(part: int, whole: int) -> bool:
    return 0 <= part <= whole and 0 < whole <= _MOST


def _is_rank(p: _Numbers, q: _Numbers) -> bool:
    return len(p) == 0 and len(q) == 3 and _is_fraction(q[0], q[1]) and 0 <= q[2] < _METHODS


def _is_ddof(p: _Numbers, q: _Numbers) -> bool:
    return len(p) == 0 and len(q) == 1 and 0 <= q[0] <= _MOST


def _is_draw(p: _Numbers, q: _Numbers) -> bool:
    return len(p) == 0 and len(q) == 2 and -(1 << 63) <= q[0] < 1 << 63 and 0 <= q[1] < 3


PARAMETERS: dict[str, Callable[[_Numbers, _Numbers], bool]] = {
    "mixed": lambda p, q: len(p) == 1 and len(q) == 2 and 0 <= p[0] <= 1 and _is_fraction(*q),
    "quantile": _is_rank,
    "argquantile": _is_rank,
    "lp": lambda p, q: len(p) == len(q) == 1 and p[0] > 0 and q[0] in (0, 1),
    "gem": lambda p, q: len(p) == 2 and not q and 0 < p[0] < math.inf and p[1] > 0,
    "lse": lambda p, q: len(p) == 1 and not q and p[0] != 0 and math.isfinite(p[0]),
    "var": _is_ddof,
    "std": _is_ddof,
    "sample": _is_draw,
    "expected": _is_draw,
    "area": lambda p, q: not p and len(q) == 1 and q[0] in (0, 1),
}


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
    these, as :func:`binomial_tables` gives them. One thread at a time.
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
        if not PARAMETERS.get(op, _is_none)(*params):
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
        tables = [np.ones((1, 1))] * (3 - len(self.windows)) + [
            np.ascontiguousarray(table, np.float64) for table in weights or ()
        ]
        shapes = [(1, 1)] * (3 - len(self.windows)) + [_table_shape(w) for w in self.windows]
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
        return bool(_library.pool_scratch(ctypes.byref(self.call)) >= 0)

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
            wanted = _library.pool_state(ctypes.byref(call))
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
        _library.pool_run(self._reference)
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
        return int(_library.pool_state(ctypes.byref(self.call)))

    def _run(self) -> None:
        call = self.call
        self._room()
        status = _library.pool_run(ctypes.byref(call))
        if status:
            raise ValueError(f"no kernel for {OPS[call.op]} of {self.in_dtype} ({status})")
        if call.found:
            raise Problem(*_found(call))

    def _room(self) -> None:
        call = self.call
        wanted = _library.pool_scratch(ctypes.byref(call))
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
    if min(w.n, w.n + w.pad_before, w.n + w.pad_after) < 0 or max(ends) > _MOST << 2:
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


def _table_shape(w: Windows) -> tuple[int, int]:
    """A row for each size from the largest down, of as many places as differ."""
    from poolcli.engine.mirrored import mirror_period  # late: one op mirrors

    smallest = w.sizes if isinstance(w.sizes, int) else min(w.sizes)
    return w.largest - smallest + 1, min(w.largest, mirror_period(w.n, w.dilation))


def binomial_tables(windows: Sequence[Windows]) -> list[Array]:
    """The weights of the cells of each axis' windows, which sum to 1, for ``Work``."""
    from poolcli.engine.mirrored import binomial_weights, mirror_period

    tables = []
    for w in windows:
        table = np.zeros(_table_shape(w))
        for row in range(len(table)):
            some = binomial_weights(w.largest - row, mirror_period(w.n, w.dilation))
            table[row, : len(some)] = some
        tables.append(table)
    return tables


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
