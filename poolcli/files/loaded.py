"""What a door hands over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Loaded:
    """One array from a file, a pipe or the command line.

    label: what people are shown: ``photo.png``, ``in.npz:features``, ``-``
    array: as stored, in its dtype and byte order
    kind: "npy", "npz", "image" or "text"
    layout: what the file itself tells ("HW", "HWC", "NHW", "NHWC" for pictures), else None
    format: the extension that writes the same kind again: ``.npy``, ``.png``, ``.csv``
    member: the array's name inside an .npz, else None
    meta: what else the file tells of a picture, such as Pillow's mode: ``{"mode": "CMYK"}``
    """

    label: str
    array: np.ndarray
    kind: str
    layout: str | None = None
    format: str = ".npy"
    member: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
