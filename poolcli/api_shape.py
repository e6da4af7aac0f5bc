"""The public function that tells shapes, without an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poolcli.arguments import Axes, levels_of, output_size_of, public
from poolcli.axes import PerAxis, find_axes
from poolcli.checks import listed, one_of, shown, whole_number
from poolcli.errors import UsageError
from poolcli.families import FAMILIES
from poolcli.geometry import Padding
from poolcli.interop.asked import Asked
from poolcli.request import Request
from poolcli.windows import Fitted

# What stands for a length that is not known: no window is so large.
_UNKNOWN = 1 << 20


@public
def output_shape(
    shape: Sequence[int | None],
    size: PerAxis | None = None,
    *,
    family: str = "sliding",
    op: str = "max",
    stride: PerAxis | None = None,
    padding: Padding | None = None,
    dilation: PerAxis | None = None,
    ceil_mode: bool | None = None,
    output_size: PerAxis | str | None = None,
    longest: int | None = None,
    levels: Sequence[PerAxis] | None = None,
    keepdims: bool | None = None,
    layout: str | None = None,
    axes: Axes | None = None,
    like: str | None = None,
) -> tuple[int | None, ...]:
    """The shape of what is pooled from an array of ``shape``; no array is needed.

    ``family`` is "sliding" (:func:`poolcli.pool`), "global", "adaptive", "fractional" or "pyramid";
    the other parameters are those of its function. ``op`` matters only where it pads. None in
    ``shape`` is the unknown length of a batch or of channels, and comes back. Raises UsageError or
    InputError for what the function would refuse.

    >>> output_shape((224, 224, 64), 3, stride=2, padding=1)
    (112, 112, 64)
    >>> output_shape((None, 15, 15, 64), family="adaptive", output_size=7)
    (None, 7, 7, 64)
    """
    one_of("family", family, tuple(FAMILIES))
    if isinstance(shape, np.ndarray) and shape.ndim != 1:
        raise UsageError(f"shape {shown(shape)}: lengths of axes are meant, such as x.shape")
    given = listed("shape", shape)
    lengths = tuple(_UNKNOWN if n is None else whole_number("shape", n, least=0) for n in given)
    sizes = size if output_size is None else output_size
    where = find_axes(lengths, sizes, axes=axes, layout=layout, like=like)
    values = {
        "size": where.each("size", size),
        "stride": where.each("stride", stride),
        "padding": where.each("padding", padding),
        "dilation": where.each("dilation", dilation),
        "ceil_mode": ceil_mode,
        "output_size": output_size_of(where, output_size, None) if output_size else None,
        "longest": None if longest is None else Fitted(whole_number("longest", longest, least=1)),
        "levels": None if levels is None else levels_of(levels),
        "keepdims": keepdims,
    }
    row = FAMILIES[family]
    known = {param.name for param in row.params}
    for name, value in values.items():
        if value is not None and name not in known:
            raise UsageError(f"{family} pooling has no {name}")
    keeps = "keepdims" not in known or bool(keepdims)
    try:
        geometry = row.make_geometry(values)
    except TypeError:  # what is not given
        raise UsageError(f"{family} pooling needs {' and '.join(row.usage)}") from None
    request = Request(op, geometry, layout=where.layout or layout, like=like, keepdims=keeps)
    return Asked(request, where, False).output_shape(lengths, given)
