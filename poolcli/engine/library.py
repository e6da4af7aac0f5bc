"""The compiled library (``poolcli/kernels``): its structs, its numbers, and what it takes.

:class:`~poolcli.engine.native.Work` is how it is called.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

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
    return list(numbers[: LIBRARY.pool_layout(numbers, 256)])


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


LIBRARY = _load()


def use_isa(name: str | None = None) -> str:
    """Use no instructions beyond ``name`` (base, v3, v4; None for all); returns what is in use.

    Results do not depend on it. The variable POOLCLI_ISA sets it at the start. For tests; not
    while another thread pools.
    """
    most = ISAS.index(name) if name in ISAS else len(ISAS) - 1
    return ISAS[LIBRARY.pool_isa(most)]


if library_layout() != layout():
    raise ImportError("the compiled part of poolcli is of another version; install poolcli again")
use_isa(os.environ.get("POOLCLI_ISA"))


# What kernels take for granted of their p and q (kernels/README.md); others have none.
_Numbers = Sequence[Any]
LARGEST = 1 << 60
_METHODS = 5


def _is_none(p: _Numbers, q: _Numbers) -> bool:
    return not p and not q


def _is_fraction(part: int, whole: int) -> bool:
    return 0 <= part <= whole and 0 < whole <= LARGEST


def _is_rank(p: _Numbers, q: _Numbers) -> bool:
    return len(p) == 0 and len(q) == 3 and _is_fraction(q[0], q[1]) and 0 <= q[2] < _METHODS


def _is_ddof(p: _Numbers, q: _Numbers) -> bool:
    return len(p) == 0 and len(q) == 1 and 0 <= q[0] <= LARGEST


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


def takes(op: str, p: _Numbers, q: _Numbers) -> bool:
    """Whether the kernels of an op can do with these parameters."""
    return PARAMETERS.get(op, _is_none)(p, q)
