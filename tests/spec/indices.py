"""Indices and unpooling of the readable specification (S11)."""

from collections.abc import Sequence

import numpy as np

from tests.spec.pooling import cells_of, is_nan, out_index, planes, windows_of
from tests.spec.windows import Geometry, Refused, layout_of, spatial_axes


def flat_index(
    cell: Sequence[int], fixed: dict[int, int], x: np.ndarray, layout: str, convention: str
) -> int:
    """S11: where a cell is, as torch (plane), ONNX (tensor) or TensorFlow (channels-last) count."""
    sizes = [x.shape[axis] for axis in spatial_axes(layout)]
    plane = 0
    for position, n in zip(cell, sizes, strict=True):
        plane = plane * n + position
    if convention == "plane":
        return plane
    if convention == "channels-last":
        channel = fixed[layout.index("C")] if "C" in layout else 0
        channels = x.shape[layout.index("C")] if "C" in layout else 1
        return plane * channels + channel
    flat = 0
    for position, n in zip(out_index(fixed, layout, cell), x.shape, strict=True):
        flat = flat * n + position
    return flat


def naive_indices(
    x: np.ndarray, op: str, geometry: Geometry, *, layout: str | None = None,
    convention: str = "plane", nan: str = "propagate",
) -> np.ndarray:  # fmt: skip
    """S11: the winner's position: first one on ties, first NaN if NaN won, -1 if nobody did."""
    layout = layout_of(x.ndim, layout)
    windows = windows_of(x, layout, geometry)
    shape = list(x.shape)
    for axis, row in zip(spatial_axes(layout), windows, strict=True):
        shape[axis] = len(row)
    out = np.empty(shape, np.int64)
    for fixed, plane in planes(x, layout):
        for at in np.ndindex(*map(len, windows)):
            cells = cells_of(windows, at)
            values = {cell: plane[cell].item() for cell in cells}
            nans = [cell for cell in cells if is_nan(values[cell])]
            numbers = [cell for cell in cells if not is_nan(values[cell])]
            if nans and nan == "propagate":
                winner = nans[0]
            elif numbers:
                first_best = max if op == "max" else min
                winner = first_best(numbers, key=values.__getitem__)
            else:
                winner = None
            out[out_index(fixed, layout, at)] = (
                -1 if winner is None else flat_index(winner, fixed, x, layout, convention)
            )
    return out


def naive_unpool(
    y: np.ndarray, indices: np.ndarray, output_size: Sequence[int], *,
    layout: str | None = None, convention: str = "plane",
) -> np.ndarray:  # fmt: skip
    """S11: zeros, and every value of `y` at the place its index names."""
    layout = layout_of(y.ndim, layout)
    shape = list(y.shape)
    for axis, n in zip(spatial_axes(layout), output_size, strict=True):
        shape[axis] = n
    out = np.zeros(shape, y.dtype)
    for fixed, plane in planes(out, layout):
        places = {
            flat_index(cell, fixed, out, layout, convention): cell
            for cell in np.ndindex(*plane.shape)
        }
        for at in np.ndindex(*(y.shape[axis] for axis in spatial_axes(layout))):
            here = out_index(fixed, layout, at)
            if int(indices[here]) not in places:
                raise Refused(f"index {indices[here]} is outside its plane")
            plane[places[int(indices[here])]] = y[here]
    return out


def unpool_size(outputs: int, size: int, stride: int, before: int = 0, after: int = 0) -> int:
    """S11, torch's rule: the smallest input that gives `outputs` windows."""
    return (outputs - 1) * stride - before - after + size
