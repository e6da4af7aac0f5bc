"""What a door hands over, and what is asked of it where it holds several things."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from poolcli.files.causes import reading

if TYPE_CHECKING:
    from poolcli.files.notes import Notes
    from poolcli.files.packed import PackedNpy
    from poolcli.files.stored import StoredNpy


class Members(NamedTuple):
    """Which arrays of an archive are meant where none is named.

    patterns: their names, with ``*`` and ``?`` as in the shell; none for all of them
    small: arrays of 0 and 1 axes are pooled, too, beside larger ones
    """

    patterns: tuple[str, ...] = ()
    small: bool = False


ALL = Members()


class Loaded(NamedTuple):
    """One array from a file, a pipe or the command line.

    label: what people are shown: ``photo.png``, ``in.npz:features``, ``-``
    content: the array, or one that is still on disk and is read in boxes
    kind: "npy", "npz", "image" or "text"
    layout: what the file itself tells ("HW", "HWC", "NHW", "NHWC" for pictures), else None
    format: the extension that writes the same kind again: ``.npy``, ``.png``, ``.csv``
    member: the array's name inside an .npz, else None
    notes: what else the file tells of a picture; None for everything else
    beside: of 0 or 1 axes beside larger arrays of an .npz: it is no map, and goes on as it is
    """

    label: str
    content: np.ndarray | StoredNpy | PackedNpy
    kind: str
    layout: str | None = None
    format: str = ".npy"
    member: str | None = None
    notes: Notes | None = None
    beside: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        if isinstance(self.content, np.ndarray):
            return self.content.shape
        return self.content.logical_shape

    @property
    def nodata(self) -> float | None:
        """The value of cells that means missing, where the file names one."""
        geo = None if self.notes is None else self.notes.geo
        return None if geo is None else geo.missing(self.content.dtype)

    @property
    def array(self) -> np.ndarray:
        """The array in memory, as stored: in its dtype and byte order."""
        if isinstance(self.content, np.ndarray):
            return self.content
        with reading(self.label):
            return self.content.read_all()
