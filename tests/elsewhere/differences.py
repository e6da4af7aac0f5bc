"""Where a framework departs from the rules, and why the rules stay as they are.

The one table: the golden tests and the random campaigns excuse a disagreement only by an entry of
it, and `docs/differences.md` is written from it (`docs/tools/make_differences.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.elsewhere.golden import Golden
from tests.elsewhere.windows import (
    exceeds_by_a_stride,
    exceeds_padded_input,
    explicit_axes,
    from_rounded_starts,
    nans_of_windows,
    needs_less_than_none,
    per_window,
    rounded_starts,
    spatial_shape,
    steps_over,
    unit_steps,
    whole_kernel,
)


@dataclass(frozen=True)
class Difference:
    """`applies` says to which cases; the rest says how much of an answer may then differ.

    With `emulate` the framework's answer must be what that makes of ours, with `cells` it may
    differ in these cells only. `golden` are those that the golden cases show.
    """

    name: str
    frameworks: tuple[str, ...]
    reason: str
    applies: Callable[[Golden], bool] = lambda g: False
    about: str = "values"
    emulate: Callable[[Golden, Any], np.ndarray] | None = None
    cells: Callable[[Golden], np.ndarray] | None = None
    golden: bool = False


TORCH = [
    Difference(
        "averages of integers",
        ("torch",),
        "PyTorch averages int64 only, and cuts the fraction off; S6 gives float64.",
        lambda g: g.op == "avg" and g.x.dtype.kind in "iu",
        emulate=lambda g, ours: np.trunc(ours).astype(g.x.dtype),
    ),
    Difference(
        "Lp pooling scales clipped windows",
        ("torch",),
        "Where ceil mode reaches past the end it takes the mean of x^p over the cells there are "
        "times the whole kernel; S13, the ONNX text and onnxruntime sum the cells there are. To "
        "emulate it a fold would need the kernel's size beside the count of real cells: it is "
        "left, because the scaled number is no p-norm of anything.",
        lambda g: g.op == "lp" and bool(g.geometry.get("ceil_mode")),
        emulate=whole_kernel,
        golden=True,
    ),
    Difference(
        "sums of float16 powers overflow",
        ("torch",),
        "It adds x^p in float16, which ends at 65504, where the root would fit; here they are "
        "added in a wider type.",
        lambda g: g.op == "lp" and g.x.dtype == np.float16 and not g.geometry.get("ceil_mode"),
        emulate=whole_kernel,
    ),
    Difference(
        "the index of the last NaN",
        ("torch",),
        "Where several NaN are in a window PyTorch names the last; S11 the first, like numpy's "
        "and PyTorch's own argmax.",
        lambda g: g.op == "max" and bool(np.isnan(g.x).any()),
        about="indices",
        cells=lambda g: nans_of_windows(g) > 1,
    ),
    Difference(
        "starts of fractional windows are rounded",
        ("torch",),
        "It computes α and (i + u)·α in the type of the array, where a product just below a whole "
        "number becomes that number; S12 is exact, so that the windows do not depend on the type.",
        lambda g: g.kind == "fractional" and rounded_starts(g) != rounded_starts(g, exact=True),
        emulate=from_rounded_starts,
        golden=True,
    ),
    Difference(
        "three-dimensional fractional pooling wants a spare cell",
        ("torch",),
        "It refuses output + kernel - 1 = n, which its two-dimensional twin and S12 allow.",
        lambda g: (
            g.function == "fractional_max_pool3d"
            and g.expected is None
            and any(
                o + k - 1 == n
                for o, k, n in zip(
                    *(np.broadcast_to(g.geometry[key], 3) for key in ("output_size", "size")),
                    spatial_shape(g),
                    strict=True,
                )
            )
        ),
        golden=True,
    ),
    Difference(
        "padding larger than half a kernel",
        ("torch",),
        "PyTorch refuses it; S2 asks only that no window be empty.",
        lambda g: (
            g.expected is None and any(max(pads) > k // 2 for _, k, _, _, pads in explicit_axes(g))
        ),
    ),
    Difference(
        "three-dimensional averages of axes shorter than the kernel",
        ("torch",),
        "avg_pool3d refuses them although padding makes room, as it does in one and two "
        "dimensions and under S2.",
        lambda g: (
            g.function == "avg_pool3d"
            and g.expected is None
            and any(n < k for n, k, _, _, _ in explicit_axes(g))
        ),
    ),
    Difference(
        "unpooling to nothing",
        ("torch",),
        "Where the padding of the pooling takes all cells of the result PyTorch gives an array "
        "without cells; here that is refused, as an input of pooling without cells is.",
    ),
    Difference(
        "dilated windows that step over all cells",
        ("torch",),
        "PyTorch gives the smallest number there is; S2 refuses windows without a real cell.",
        lambda g: g.op == "max" and steps_over(g),
    ),
]

BOTH = [
    Difference(
        "in ceil mode a kernel exceeds the padded input by a stride or more",
        ("torch", "onnxruntime", "onnx"),
        "They refuse it, or give nothing; by S2 it is one window, as where it exceeds by less.",
        lambda g: exceeds_by_a_stride(g) and bool(g.geometry["ceil_mode"]),
    ),
]

ONNX = [
    Difference(
        "NaN in max pooling",
        ("onnxruntime",),
        "Its MaxPool and GlobalMaxPool keep or lose NaN depending on the code path and on where "
        "it stands; S5 propagates it, as PyTorch and NumPy do.",
        lambda g: g.op == "max" and g.x.dtype.kind == "f" and bool(np.isnan(g.x).any()),
        cells=lambda g: nans_of_windows(g) > 0,
    ),
    Difference(
        "the index where NaN is in the window",
        ("onnxruntime",),
        "As with the values: the place depends on where NaN stands.",
        lambda g: g.op == "max" and g.x.dtype.kind == "f" and bool(np.isnan(g.x).any()),
        about="indices",
        cells=lambda g: nans_of_windows(g) > 0,
    ),
    Difference(
        "the smallest number instead of minus infinity",
        ("onnxruntime",),
        "Its MaxPool starts from the smallest finite number, which some code paths keep where all "
        "of a window is minus infinity; by S5 that is its maximum.",
        lambda g: g.op == "max" and g.x.dtype.kind == "f" and bool(np.isinf(g.x).any()),
        cells=lambda g: per_window(g, lambda cells: np.isneginf(cells).all()).astype(bool),
    ),
    Difference(
        "automatic padding below zero",
        ("onnxruntime",),
        "Where the stride exceeds the kernel SAME needs no padding; its own is negative, and moves "
        "the windows or is refused. S1 and TensorFlow take 0.",
        needs_less_than_none,
    ),
    Difference(
        "automatic padding of dilated windows",
        ("onnxruntime",),
        "Its SAME pads as for windows without dilation, so that fewer than ceil(n/s) outputs come "
        "out; the ONNX text, TensorFlow and S1 count the dilated window.",
        lambda g: (
            str(g.geometry.get("padding")).startswith("same")
            and bool(np.any(np.asarray(g.geometry.get("dilation", 1)) > 1))
        ),
    ),
    Difference(
        "a kernel that exceeds the padded input",
        ("onnxruntime",),
        "It divides towards zero: the result is empty, or has one window of what there is where "
        "the stride is long. S2 refuses, as PyTorch and Keras do.",
        lambda g: exceeds_padded_input(g) and not g.geometry["ceil_mode"],
    ),
    Difference(
        "padding as large as the kernel is refused",
        ("onnxruntime",),
        "It limits every pad to the undilated kernel; S2 asks only that no window be empty.",
        lambda g: (
            g.expected is None and any(max(pads) >= k for _, k, _, _, pads in explicit_axes(g))
        ),
        golden=True,
    ),
    Difference(
        "dilated windows that step over all cells",
        ("onnxruntime",),
        "It gives the smallest number or 0 for them; S2 refuses windows without a real cell.",
        steps_over,
    ),
    Difference(
        "the reference pools windows that hold nothing but padding",
        ("onnx",),
        "It gives NaN or 0 for them; S2 refuses, onnxruntime refuses the padding.",
        lambda g: any(max(pads) >= e for _, _, _, e, pads in explicit_axes(g)),
        golden=True,
    ),
    Difference(
        "Lp pooling of the reference scales clipped windows",
        ("onnx",),
        "It takes the mean of |x|^p over the real cells times the whole kernel, as PyTorch; S13 "
        "and onnxruntime sum the real cells.",
        lambda g: g.op == "lp" and bool(g.geometry["ceil_mode"]),
        golden=True,
    ),
    Difference(
        "the reference's MaxPool with unit strides",
        ("onnx",),
        "Another code path: pads in another order and for two dimensions only, the index is that "
        "of the window, not of the winner. Elsewhere it agrees with S1 and S11.",
        lambda g: g.function == "MaxPool" and unit_steps(g),
        golden=True,
    ),
    Difference(
        "the reference's MaxPool with SAME_LOWER",
        ("onnx",),
        "Its output is floor(n/s) and the odd cell goes after; the ONNX text, onnxruntime and S1 "
        "say ceil(n/s), before.",
        lambda g: g.function == "MaxPool" and g.geometry["padding"] == "same-lower",
        golden=True,
    ),
    Difference(
        "the reference's SAME with windows that need no padding",
        ("onnx",),
        "Where stride exceeds kernel its padding is negative and moves the windows; S1 takes 0.",
        needs_less_than_none,
        golden=True,
    ),
    Difference(
        "the reference's ceil mode moves the windows",
        ("onnx",),
        "It puts half of what ceil mode reaches past the end before the start.",
        lambda g: g.function in ("AveragePool", "LpPool") and bool(g.geometry["ceil_mode"]),
        golden=True,
    ),
    Difference(
        "the reference's GlobalMaxPool knows two dimensions",
        ("onnx",),
        "It reduces axes 2 and 3 whatever there is.",
        lambda g: g.function == "GlobalMaxPool" and g.x.ndim != 4,
        golden=True,
    ),
]

# By the name of the onnx package's test; tests/numbers/test_onnx_nodes.py says how they differ.
NODE_DIFFERENCES = {
    "maxpool_with_argmax_2d_precomputed_strides": Difference(
        "indices counted down the columns",
        ("onnx",),
        "With `storage_order` 1 the indices of MaxPool count column by column. No other framework "
        "does and MaxUnpool cannot read them, so there is no such convention; the winners are "
        "the same.",
    ),
    "maxunpool_export_with_output_shape": Difference(
        "unpooling into another size",
        ("onnx",),
        "The test reads indices in the natural size and pads the result; onnxruntime "
        "(microsoft/onnxruntime#2193), PyTorch and S11 read them in the size that is asked for, "
        "which is the size of what was pooled.",
    ),
}

# Of answers that tests/numbers/test_library_goldens.py asks for; it says exactly how they differ.
LIBRARY_DIFFERENCES = [
    Difference(
        "NaN in max pooling",
        ("keras", "tensorflow"),
        "Their MaxPool loses NaN (max_pool_with_argmax keeps it, if it comes first); S5 "
        "propagates it.",
    ),
    Difference(
        "the smallest number instead of minus infinity",
        ("keras", "tensorflow"),
        "Their MaxPool starts from the smallest finite number; by S5 the maximum of a window of "
        "minus infinity is that.",
    ),
    Difference(
        "blocks past the end are filled with zeros",
        ("skimage",),
        "block_reduce pads an axis that its blocks do not divide with `cval`, 0, which counts like "
        "any cell. S3 drops the rest, or with ceil mode pools the cells there are. A block larger "
        "than the array is one block of its cells and zeros; S2 refuses it, or with ceil mode "
        "pools the cells there are.",
    ),
    Difference(
        "medians of an even number of cells",
        ("scipy",),
        "median_filter takes the upper middle, `--method higher`; the median is the mean of both.",
    ),
    Difference(
        "ranks of percentiles",
        ("scipy",),
        "percentile_filter takes the cell of rank floor(n q); quantile is numpy.quantile's, "
        "between the cells around (n - 1) q.",
    ),
    Difference(
        "ranges of integers",
        ("numpy",),
        "numpy.ptp keeps the type, in which a range of int8 wraps; S6 widens to 64 bits.",
    ),
]

DIFFERENCES = [*BOTH, *TORCH, *ONNX]
# The others are met in the campaigns only.
GOLDEN_DIFFERENCES = [d for d in DIFFERENCES if d.golden]


def named_differences(golden: Golden, about: str = "values") -> list[str]:
    return [
        d.name
        for d in DIFFERENCES
        if golden.framework in d.frameworks and d.about == about and d.applies(golden)
    ]
