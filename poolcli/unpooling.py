"""Unpooling: values go back to the positions that pooling took them from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import InputError, UsageError
from poolcli.geometry import Padding, axis_paddings, axis_values
from poolcli.layout import Layout, find_layout, show_shape
from poolcli.presets import INDEX_CONVENTIONS, find_preset


@dataclass(frozen=True)
class Unpool:
    """Unpooling as asked for, before any array is seen. The rules are torch.nn.MaxUnpool2d's."""

    size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: Padding = 0
    output_size: int | tuple[int, ...] | None = None
    layout: str | None = None
    like: str | None = None
    index: str | None = None

    def output_shape(self, axes: Layout, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the result for a pooled array of ``shape``."""
        names, cells = axes.spatial_names, [shape[i] for i in axes.spatial]
        sizes = axis_values("size", self.size, names, least=1)
        strides = sizes
        if self.stride is not None:
            strides = axis_values("stride", self.stride, names, least=1)
        elif find_preset(self.like).unit_stride:
            strides = (1,) * len(names)
        paddings = axis_paddings(self.padding, names)
        kept = list(shape)
        wanted: tuple[int | None, ...] = (None,) * len(names)
        if self.output_size is not None:
            wanted = axis_values("output size", self.output_size, names, least=1)
        for axis, name, n, size, stride, padding, want in zip(
            axes.spatial, names, cells, sizes, strides, paddings, wanted, strict=True
        ):
            if isinstance(padding, str):
                raise UsageError(f"padding {padding!r}: unpooling needs the numbers")
            natural = (n - 1) * stride - sum(padding) + size
            if want is not None and abs(want - natural) >= stride:
                raise InputError(
                    f"{name}: output size {want} cannot be pooled to {n}; from "
                    f"{natural - stride + 1} to {natural + stride - 1} can"
                )
            kept[axis] = natural if want is None else want
            if kept[axis] < 1:
                raise InputError(f"{name}: padding {sum(padding)} leaves {kept[axis]} cells")
        return tuple(kept)

    def run(self, x: NDArray[Any], indices: NDArray[Any]) -> NDArray[Any]:
        """Scatter ``x`` by ``indices``. Raises InputError where they do not fit."""
        if indices.dtype.kind not in "iu":
            raise InputError(f"indices are {indices.dtype}; whole numbers are meant")
        if indices.shape != x.shape:
            raise InputError(
                f"indices have the shape {show_shape(indices.shape)}, the values "
                f"{show_shape(x.shape)}; both come from one pooling"
            )
        preset = find_preset(self.like)
        convention = self.index or preset.index
        if convention not in INDEX_CONVENTIONS:
            raise UsageError(f"index {convention!r}: use {', '.join(INDEX_CONVENTIONS)}")
        axes = find_layout(self.layout, x.shape, preset.layouts)
        out = np.zeros(self.output_shape(axes, x.shape), x.dtype.newbyteorder("="))
        places, some = self._places(axes, convention, indices.astype(np.int64), out.shape)
        out.reshape(-1)[places[some]] = x[some]
        return out

    def _places(
        self,
        axes: Layout,
        convention: str,
        indices: NDArray[np.int64],
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
                f"{show_shape(shape)} {axes.letters} go from 0 to {top - 1}"
            )
        coordinates = dict(
            zip(counted, np.unravel_index(np.where(some, indices, 0), lengths), strict=True)
        )
        for axis, letter in enumerate(axes.letters):
            if letter not in coordinates:
                along = np.arange(indices.shape[axis])
                coordinates[letter] = along.reshape(-1, *[1] * (len(axes.letters) - axis - 1))
        grid = np.broadcast_arrays(*(coordinates[c] for c in axes.letters))
        return np.ravel_multi_index(grid, shape).astype(np.int64), some
