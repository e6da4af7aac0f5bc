"""OME-Zarr 0.5: an array at several resolutions, as a group of Zarr arrays of version 3."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

import poolcli
from poolcli.errors import OutputError
from poolcli.formats.attributes import plain
from poolcli.formats.description import NewArray, Overview, Spacing
from poolcli.formats.zarr_output import ZarrOutput
from poolcli.formats.zarr_storage import NEWEST, library
from poolcli.layout import Layout

if TYPE_CHECKING:
    from poolcli.engine.arrays import Array, Box, StoredOutput
    from poolcli.windows import Grid

VERSION = "0.5"
_AXES = {"N": ("t", "time"), "C": ("c", "channel"), "D": ("z", "space"), "H": ("y", "space")}
_AXES |= {"W": ("x", "space")}


class OmeZarrOutput:
    """A new picture of OME that is written box by box; its axes are in the order of the standard.

    Raises OutputError for arrays that it has no place for.
    """

    def __init__(self, folder: str, new: NewArray) -> None:
        assert new.pyramid is not None
        layout = Layout(new.layout or "")
        if len(layout.spatial) < 2:
            raise OutputError(
                f"OME-Zarr holds 2 or 3 spatial axes, the array is {layout.letters}; with"
                " `layout` rows and columns can be others"
            )
        order = tuple(
            layout.letters.index(letter) for letter in "NCDHW" if letter in layout.letters
        )
        names = _names(new, order)
        zarr = library()
        zarr.create_group(
            zarr.storage.LocalStore(folder),
            zarr_format=NEWEST,
            attributes={"ome": _ome(new, order, names)},
        )
        first = Overview(new.shape, MappingProxyType({}))
        self.levels: list[StoredOutput] = [
            _level(folder, new, order, names, number, level)
            for number, level in enumerate((first, *new.pyramid.levels))
        ]
        self.shape, self.dtype, self.chunks = new.shape, new.dtype, self.levels[0].chunks

    def write_box(self, box: Box, values: Array) -> None:
        """Store a box of the array at full resolution."""
        self.levels[0].write_box(box, values)

    def complete(self) -> None:
        """Complete every level."""
        for level in self.levels:
            level.complete()


def _level(
    folder: str,
    new: NewArray,
    order: tuple[int, ...],
    names: tuple[str, ...],
    number: int,
    level: Overview,
) -> StoredOutput:
    """The output of one level, whose axes are stored in this order."""
    shape = _ordered(level.shape, order)
    description = new.description
    output = ZarrOutput(
        folder,
        new._replace(
            shape=shape,
            box_shape=shape,
            layout="".join(_ordered(str(new.layout), order)),
            chunks=None if new.chunks is None else _ordered(new.chunks, order),
            description=description._replace(
                names=names,
                shards=None if description.shards is None else _ordered(description.shards, order),
            ),
        ),
        str(number),
        NEWEST,
    )
    return output if order == tuple(sorted(order)) else _Reordered(output, order)


class _Reordered:
    """An output whose axis i is that of index ``order[i]`` in what is written."""

    def __init__(self, out: StoredOutput, order: tuple[int, ...]) -> None:
        self._out, self._order = out, order
        back = tuple(order.index(axis) for axis in range(len(order)))
        self.shape, self.dtype = _ordered(out.shape, back), out.dtype
        self.chunks = None if out.chunks is None else _ordered(out.chunks, back)

    def write_box(self, box: Box, values: Array) -> None:
        """Store a box."""
        stored = np.ascontiguousarray(values.transpose(self._order))
        self._out.write_box(_ordered(box, self._order), stored)

    def complete(self) -> None:
        """Nothing is left to do."""
        self._out.complete()


def _ordered(values: Sequence[Any], order: Sequence[int]) -> tuple[Any, ...]:
    return tuple(values[axis] for axis in order)


def _names(new: NewArray, order: Sequence[int]) -> tuple[str, ...]:
    """The names of the axes: those of the input where each has one, else those of the standard."""
    said = new.description.names
    if len(said) == len(order) and all(said) and len(set(said)) == len(said):
        return tuple(str(name) for name in _ordered(said, order))
    return tuple(_AXES[letter][0] for letter in _ordered(str(new.layout), order))


def _ome(new: NewArray, order: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """The attribute of the group."""
    assert new.pyramid is not None
    letters = _ordered(str(new.layout), order)
    spacings = new.description.spacings
    name = os.path.basename(new.label.rstrip(os.sep))
    multiscale = {
        "name": name.removesuffix(new.extension).removesuffix(".ome"),
        "axes": list(_axes(letters, names, spacings)),
        "datasets": [
            {
                "path": str(number),
                "coordinateTransformations": _transformations(letters, grids, spacings),
            }
            for number, grids in enumerate(({}, *(one.grids for one in new.pyramid.levels)))
        ],
        "type": new.pyramid.op,
        "metadata": {
            "method": f"poolcli overviews {new.pyramid.op}",
            "version": poolcli.__version__,
            "description": "every level is pooled from the array at full resolution",
            "kwargs": {key: plain(value) for key, value in new.pyramid.parameters.items()},
        },
    }
    return {"version": VERSION, "multiscales": [multiscale]}


def _axes(
    letters: Sequence[str], names: Sequence[str], spacings: Mapping[str, Spacing]
) -> Iterator[dict[str, str]]:
    for letter, name in zip(letters, names, strict=True):
        unit = spacings[letter].unit if letter in spacings else None
        yield {
            "name": name,
            "type": _AXES[letter][1],
            **({} if unit is None or letter == "C" else {"unit": unit}),
        }


def _transformations(
    letters: Sequence[str], grids: Mapping[str, Grid], spacings: Mapping[str, Spacing]
) -> list[dict[str, Any]]:
    """Say where the middles of cells lie that stand on grids over those of the array."""
    scale, translation = [], []
    for letter in letters:
        step, origin, _ = spacings.get(letter, Spacing())
        grid = grids.get(letter)
        low, size = (0, 1) if grid is None else grid
        scale.append(step * size)
        translation.append(origin + step * (low + size / 2 - 0.5))
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": [float(n) for n in scale]}]
    if any(translation):
        steps.append({"type": "translation", "translation": [float(n) for n in translation]})
    return steps
