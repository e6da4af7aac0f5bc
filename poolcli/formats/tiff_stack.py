"""Pages of a TIFF that are one array of more axes: as OME and ImageJ say it.

Of OME's metadata (its 2016-06 schema) the sizes and the order of the planes are read, and written
again for a result, whose voxels are of another size; everything else goes on as it is. ImageJ has a
line for each of these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poolcli.formats.description import Spacing
from poolcli.formats.tiff_reader import Sheets

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_OME_TYPES = {
    **{name: name for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32")},
    "float32": "float",
    "float64": "double",
    "bool": "bit",
}
_IMAGEJ_TYPES = {"uint8", "uint16", "int16", "float32"}
# What is said of planes and places in the picture that are others now.
_STALE = ("TiffData", "BinData", "MetadataOnly", "Plane")
# The letters of pooling for those of microscopy, in the order that arrays of a result have them.
_LETTERS = {"T": "N", "C": "C", "Z": "D"}
# Units of length as OME-Zarr spells them, by how OME and ImageJ do.
_UNITS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "\\u00B5m"), "micrometer"),
    "pm": "picometer",
    "Å": "angstrom",
    "nm": "nanometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "dm": "decimeter",
    "m": "meter",
    "km": "kilometer",
    "in": "inch",
    "inch": "inch",
}


class Stack(NamedTuple):
    """What OME or ImageJ says of the pages.

    text: the description; layout: of the array that the pages make
    channels: how many of OME's have pages of their own where samples are the array's channels
    resolution: of ImageJ, pixels per unit along x and y
    steps: how many cells of the input lie between two of the result, by letter
    """

    program: str
    text: str
    layout: str
    channels: int = 1
    resolution: tuple[float, float] | None = None
    steps: Mapping[str, float] = {}

    @property
    def page_letters(self) -> str:
        """The axes that number pages, from the slowest."""
        height = self.layout.index("H")
        order = "NDC" if self.program == "ImageJ" else "NCD"
        return "".join(
            letter
            for letter in order
            if letter in self.layout and (letter != "C" or self.layout.index("C") < height)
        )

    def holds(self, dtype: np.dtype[Any]) -> bool:
        """Whether the program knows numbers of this type."""
        known = _IMAGEJ_TYPES if self.program == "ImageJ" else _OME_TYPES
        return dtype.name in known

    def stepped(self, steps: Mapping[str, float]) -> Stack:
        """Say it of a result whose cells lie so many apart, by letter."""
        return self._replace(steps=steps)

    def description(self, sizes: Mapping[str, int], dtype: np.dtype[Any], *, big: bool) -> bytes:
        """The description of an array with these sizes, by letter; ``big``: its byte order."""
        if self.program == "ImageJ":
            return self._of_imagej(sizes)
        return self._of_ome(sizes, dtype, big=big)

    @property
    def scaled_resolution(self) -> tuple[float, float] | None:
        """Pixels of the result per unit, where it is said here and not in the tags."""
        if self.resolution is None:
            return None
        x, y = self.resolution
        return x / self.steps.get("W", 1), y / self.steps.get("H", 1)

    @property
    def spacings(self) -> dict[str, Spacing]:
        """How far cells lie apart, by axis letter, as far as that is said."""
        if self.program == "ImageJ":
            said = dict(re.findall(r"^(\w+)=(.*)$", self.text, re.MULTILINE))
            unit = _UNITS.get(said.get("unit", "").strip())
            x, y = self.resolution or (0, 0)
            sizes = {"D": _real(said.get("spacing")), "H": y and 1 / y, "W": x and 1 / x}
            return {letter: Spacing(size, unit=unit) for letter, size in sizes.items() if size}
        root = _parsed(self.text)
        pixels = None if root is None else root.find(f".//{{{_space(root)}}}Pixels")
        found: dict[str, Spacing] = {}
        if pixels is None:
            return found
        for letter, axis in zip("WHD", "XYZ", strict=True):
            size = _real(pixels.get(f"PhysicalSize{axis}"))
            if size is not None and size > 0:
                unit = pixels.get(f"PhysicalSize{axis}Unit") or "µm"
                found[letter] = Spacing(size, unit=_UNITS.get(unit))
        return found

    def _of_imagej(self, sizes: Mapping[str, int]) -> bytes:
        counts = {
            "channels": sizes.get("C", 1) if "C" in self.page_letters else 1,
            "slices": sizes.get("D", 1),
            "frames": sizes.get("N", 1),
        }
        lines = []
        for line in self.text.splitlines():
            key, _, value = line.partition("=")
            if key == "spacing" and "D" in self.steps:
                value = f"{(_real(value) or 1) * self.steps['D']:.12g}"
            if key not in (*counts, "images", "hyperstack"):
                lines.append(f"{key}={value}" if value else line)
        images = math.prod(counts.values())
        said = [f"images={images}", *(f"{key}={n}" for key, n in counts.items() if n > 1)]
        if sum(n > 1 for n in counts.values()) > 1:
            said.append("hyperstack=true")
        return ("\n".join([*lines[:1], *said, *lines[1:]]) + "\n").encode("utf-8")

    def _of_ome(self, sizes: Mapping[str, int], dtype: np.dtype[Any], *, big: bool) -> bytes:
        from xml.etree import ElementTree

        root = _parsed(self.text)
        assert root is not None
        space = _space(root)
        ElementTree.register_namespace("", space)
        root.attrib.pop("UUID", None)
        for roi in root.findall(f"{{{space}}}ROI"):
            root.remove(roi)
        image = _find(root, "Image")
        for reference in image.findall(f"{{{space}}}ROIRef"):
            image.remove(reference)
        pixels = _find(image, "Pixels")
        frames = sizes.get("N", 1) // self.channels
        channels = sizes.get("C", 1) * self.channels
        pixels.attrib.update(
            DimensionOrder="XYZCT",
            Type=_OME_TYPES[dtype.name],
            BigEndian="true" if big else "false",
            SizeX=str(sizes["W"]),
            SizeY=str(sizes["H"]),
            SizeZ=str(sizes.get("D", 1)),
            SizeC=str(channels),
            SizeT=str(frames),
        )
        for name in ("SignificantBits", "Interleaved"):
            pixels.attrib.pop(name, None)
        for letter, axis in zip("WHD", "XYZ", strict=True):
            size = _real(pixels.get(f"PhysicalSize{axis}"))
            if size is not None and letter in self.steps:
                pixels.set(f"PhysicalSize{axis}", f"{size * self.steps[letter]:.12g}")
        for child in list(pixels):
            if child.tag.rpartition("}")[2] in _STALE:
                pixels.remove(child)
        pages = math.prod(sizes[letter] for letter in self.page_letters)
        data = ElementTree.Element(f"{{{space}}}TiffData", {"IFD": "0", "PlaneCount": str(pages)})
        after = sum(child.tag.rpartition("}")[2] == "Channel" for child in pixels)
        pixels.insert(after, data)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


KNOWN = tuple(_OME_TYPES)
"""The dtypes that OME knows."""


def new_stack(layout: str) -> Stack:
    """Return what OME would say of an array of this layout, of which nobody has said anything."""
    text = (
        f'<OME xmlns="{_SCHEMA}"><Image ID="Image:0"><Pixels ID="Pixels:0">'
        '<Channel ID="Channel:0:0" SamplesPerPixel="1"/></Pixels></Image></OME>'
    )
    return Stack("OME", text, layout)


def arranged(pages: Sequence[Any]) -> tuple[Sheets, Stack | None]:
    """Say how pages make an array, in the order of frames, channels and depth."""
    first, count = pages[0], len(pages)
    plain = Sheets("N", (count,), range(count)) if count > 1 else Sheets("", (), (0,))
    description = first.description
    if first.is_ome:
        found = _read_ome(description, first.samplesperpixel, count)
    elif first.is_imagej:
        found = _read_imagej(description, first, count)
    else:
        return plain, None
    if found is None:
        return plain, None
    sizes, numbers, stack = found
    return _sheets(sizes, numbers, first.samplesperpixel, stack)


class _Sizes(NamedTuple):
    frames: int
    channels: int
    depth: int


def _sheets(
    sizes: _Sizes, numbers: Sequence[int], samples: int, stack: Stack
) -> tuple[Sheets, Stack]:
    """Fold what is left of frames and channels into one axis, where samples are the channels."""
    frames, channels, depth = sizes
    if samples > 1:
        frames, channels, stack = frames * channels, 1, stack._replace(channels=channels)
    axes = zip("NCD", (frames, channels, depth), strict=True)
    kept = [(letter, n) for letter, n in axes if n > 1]
    letters = "".join(letter for letter, _ in kept)
    layout = f"{letters}HW{'C' if samples > 1 else ''}"
    return Sheets(letters, tuple(n for _, n in kept), numbers), stack._replace(layout=layout)


_Found = tuple[_Sizes, Sequence[int], Stack] | None


def _read_ome(text: str, samples: int, count: int) -> _Found:
    """Read the order of planes; None where it is none of the pages of this file."""
    root = _parsed(text)
    images = [] if root is None else root.findall(f"{{{_space(root)}}}Image")
    if root is None or len(images) != 1:
        return None
    space = _space(root)
    pixels = images[0].find(f"{{{space}}}Pixels")
    if pixels is None:
        return None
    sizes = {axis: _whole(pixels.get(f"Size{axis}")) for axis in "ZCT"}
    order = pixels.get("DimensionOrder", "")
    if sorted(order) != sorted("XYZCT") or sizes["C"] % samples:
        return None
    sizes["C"] //= samples
    if math.prod(sizes.values()) != count:
        return None
    pages = _planes(pixels.findall(f"{{{space}}}TiffData"), order[2:], sizes, samples, count)
    if sorted(pages.values()) != list(range(count)):
        return None
    places = product(range(sizes["T"]), range(sizes["C"]), range(sizes["Z"]))
    numbers = [pages[place] for place in places]
    return _Sizes(sizes["T"], sizes["C"], sizes["Z"]), numbers, Stack("OME", text, "")


def _planes(
    blocks: Sequence[Element], order: str, sizes: Mapping[str, int], samples: int, count: int
) -> dict[tuple[int, int, int], int]:
    """The page of each (frame, channel, depth), as the blocks of planes say."""
    pages: dict[tuple[int, int, int], int] = {}
    steps = [sizes[axis] for axis in order]
    for block in blocks:
        first = {axis: _whole(block.get(f"First{axis}"), 0) for axis in order}
        first["C"] //= samples
        at = first[order[0]] + steps[0] * (first[order[1]] + steps[1] * first[order[2]])
        page = _whole(block.get("IFD"), 0)
        every = 1 if block.get("IFD") is not None else count - at
        for i in range(min(_whole(block.get("PlaneCount"), every), count)):
            if at + i >= count:
                break
            rest, fast = divmod(at + i, steps[0])
            place = dict(zip(order, (fast, rest % steps[1], rest // steps[1]), strict=True))
            pages[place["T"], place["C"], place["Z"]] = page + i
    return pages


def _read_imagej(text: str, page: Any, count: int) -> _Found:
    said = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    channels, slices, frames = (
        _whole(said.get(key), 1) for key in ("channels", "slices", "frames")
    )
    if channels * slices * frames != count or count == 1:
        return None
    if page.samplesperpixel > 1 and channels > 1:
        return None
    order = np.arange(count).reshape(frames, slices, channels)
    numbers = order.transpose(0, 2, 1).ravel().tolist()
    x, y = (page.tags.valueof(code) for code in (282, 283))
    resolution = None
    if page.tags.valueof(296, 2) == 1 and isinstance(x, tuple) and isinstance(y, tuple):
        resolution = (x[0] / x[1], y[0] / y[1]) if x[0] and x[1] and y[0] and y[1] else None
    return _Sizes(frames, channels, slices), numbers, Stack("ImageJ", text, "", 1, resolution)


def _parsed(text: str) -> Element | None:
    """Parse XML without entities of its own, which could grow without end."""
    from xml.etree import ElementTree

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None


def _space(root: Element) -> str:
    return root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""


def _find(parent: Element, name: str) -> Element:
    found = parent.find(f"{{{_space(parent)}}}{name}")
    assert found is not None, name
    return found


def _whole(text: str | None, default: int = -1) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else default


def _real(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
