"""How near a picture is to another one: pooled values put back in place, PSNR and SSIM.

Arrays here are planes, of shape (planes, spatial axes): see :func:`as_planes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.layout import Layout
from poolcli.windows import Windows

Planes = NDArray[np.float64]

SIDE = 7  # cells of the windows of SSIM
K1, K2 = 0.01, 0.03
_BAND = 2**17  # cells that are looked at together, so that they stay in the processor's cache


def as_planes(x: NDArray[Any], layout: str) -> NDArray[Any]:
    """``x`` with one leading axis for batch and channels, and its spatial axes after it.

    >>> as_planes(np.ones((2, 5, 7, 3)), "NHWC").shape
    (6, 5, 7)
    """
    axes = Layout(layout)
    moved = x.transpose((*axes.others, *axes.spatial))
    return moved.reshape(-1, *(x.shape[axis] for axis in axes.spatial))


def put_back(pooled: NDArray[Any], windows: Sequence[Windows]) -> Planes:
    """Each output on all cells of its window again: their mean where windows overlap.

    ``pooled`` are planes of outputs, ``windows`` those of each spatial axis, which start at
    different cells. The result has the shape that was pooled; cells that no window covers are NaN.

    >>> from poolcli.geometry import Sliding
    >>> [w] = Sliding(2).resolve(["width"], [5])
    >>> put_back(np.array([[4, 6]]), [w])
    array([[ 4.,  4.,  6.,  6., nan]])
    """
    total = pooled.astype(np.float64)
    count = np.ones(())
    for axis, w in enumerate(windows, 1):
        total = _spread(total, w, axis)
        count = np.multiply.outer(count, times_covered(w))
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def times_covered(w: Windows) -> NDArray[np.float64]:
    """By how many windows each cell of an axis is covered."""
    return _spread(np.ones(w.out), w, 0)


def _spread(values: NDArray[np.float64], w: Windows, axis: int) -> NDArray[np.float64]:
    """The sum, for each cell of an axis, of the values of the windows that cover it."""
    values = np.moveaxis(values, axis, 0)
    out = np.zeros((w.n, *values.shape[1:]))
    if w.out <= w.largest:
        for i in range(w.out):
            first, stop = w.real_span(i)
            out[first : stop : w.dilation] += values[i]
    else:
        starts, sizes = np.asarray(w.starts), np.asarray(w.sizes)
        for j in range(w.largest):
            cells = starts + j * w.dilation
            real = (j < sizes) & (cells >= 0) & (cells < w.n)
            out[cells[real]] += values[real]
    return np.moveaxis(out, 0, axis)


def psnr(a: NDArray[Any], b: NDArray[Any], data_range: float) -> float | None:
    """The peak signal-to-noise ratio in decibels, over the cells that are finite in both.

    Infinite where no cell differs, or where the range is 0; None where there is nothing to compare.
    The definition is 10·log₁₀(R² / mean (a − b)²), as in skimage.metrics.peak_signal_noise_ratio.

    >>> psnr(np.zeros((1, 4)), np.full((1, 4), 0.1), 1.0)
    20.0
    """
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any() or not math.isfinite(data_range):
        return None
    if data_range == 0:
        return math.inf
    difference = (a[known] - b[known]) / data_range
    error = float(np.mean(difference * difference))
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(a: Planes, b: Planes, data_range: float) -> float | None:
    """The mean structural similarity, over all places of a window of 7 cells on each axis.

    None where the windows do not fit, a value is not finite or the range is 0. The definition is
    that of Wang, Bovik, Sheikh & Simoncelli 2004 with uniform windows and sample covariances, the
    default of skimage.metrics.structural_similarity.

    >>> noise = np.random.default_rng(0).random((1, 9, 9))
    >>> ssim(noise, noise, 1.0)
    1.0
    """
    if min(a.shape[1:]) < SIDE or not 0 < data_range < math.inf:
        return None
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    total = places = 0.0
    rows = a.shape[1]
    step = max(SIDE, _BAND // max(1, a[0, 0].size))
    for plane_a, plane_b in zip(a, b, strict=True):
        for first in range(0, rows - SIDE + 1, step):
            band = slice(first, first + step + SIDE - 1)
            alike = _similarity(plane_a[band], plane_b[band], data_range)
            total += float(alike.sum())
            places += alike.size
    return total / places


def _similarity(a: Planes, b: Planes, data_range: float) -> Planes:
    """The similarity of two pictures at each place of the window."""
    # In units of the range and measured from near their mean, so that squares lose no digits.
    origin = float(a.mean()) / data_range
    a, b = a / data_range - origin, b / data_range - origin
    mean_a, mean_b = _local_mean(a), _local_mean(b)
    cells = SIDE**a.ndim
    unbiased = cells / (cells - 1)
    variances = unbiased * (_local_mean(a * a + b * b) - mean_a * mean_a - mean_b * mean_b)
    covariance = unbiased * (_local_mean(a * b) - mean_a * mean_b)
    mean_a, mean_b = mean_a + origin, mean_b + origin
    alike = (2 * mean_a * mean_b + K1**2) * (2 * covariance + K2**2)
    power = (mean_a**2 + mean_b**2 + K1**2) * (variances + K2**2)
    return np.asarray(alike / power)


def _local_mean(x: Planes) -> Planes:
    """The mean over each place of the window."""
    for axis in range(x.ndim):
        moved = np.moveaxis(x, axis, 0)
        end = len(moved) - SIDE + 1
        total = moved[:end].copy()
        for i in range(1, SIDE):
            total += moved[i : i + end]
        x = np.moveaxis(total, 0, axis)
    return np.asarray(x / SIDE**x.ndim)
