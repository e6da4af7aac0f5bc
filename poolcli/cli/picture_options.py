"""The options that mean something for pictures, and what they ask for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from poolcli.cli.lazy import Values
from poolcli.cli.options import option, switch
from poolcli.errors import UsageError
from poolcli.ops import Op

if TYPE_CHECKING:
    from poolcli.batch import Pictures, Target


def _colormaps() -> Sequence[str]:
    from poolcli.pictures.colormaps import NAMES

    return NAMES


LINEAR = switch(
    "linear", "Pool the light of pictures rather than its sRGB codes (8 and 16 bits).", "--linear"
)
BY = option(
    "by",
    str | None,
    "Take whole pixels: those whose luma, or channel (R, G, B, A or a number from 0), wins.",
    "--by",
    metavar="luma|CHANNEL",
)
MAX_PIXELS = option(
    "max_pixels",
    int | None,
    "Refuse larger pictures as possible decompression bombs (default: 178956970).",
    "--max-pixels",
    min=1,
    metavar="N",
)
PICTURES = (
    option(
        "colormap",
        str | None,
        "Write numbers as a picture, coloured: grey, viridis, magma, inferno, plasma, cividis or "
        "turbo; channels side by side in a grid.",
        "--colormap",
        metavar="NAME",
        words=_colormaps,
    ),
    option(
        "normalize",
        str | None,
        "Scale what is written as a picture to 0..255: minmax, each (minmax of every channel by "
        "itself) or two percentiles such as 2,98 (default with --colormap: minmax).",
        "--normalize",
        metavar="HOW",
    ),
    option(
        "grid",
        int | None,
        "Channels side by side, this many in a row (default: about a square).",
        "--grid",
        min=1,
        metavar="COLUMNS",
    ),
    option(
        "quality",
        int | None,
        "1 to 100, of .jpg and .webp (default: as the input; else 95 for .jpg, lossless .webp).",
        "--quality",
        metavar="N",
    ),
    option(
        "compression",
        str | None,
        "How hard to pack without loss: .png 0 to 9 (default: 4), .webp 0 to 6, .tif none or "
        "deflate (default: as the input).",
        "--compression",
        metavar="HOW",
    ),
    MAX_PIXELS,
)


def of_op(op: Op) -> Sequence[inspect.Parameter]:
    """Give the options that depend on what the op does with colours."""
    return [*([LINEAR] if op.blends else []), *([BY] if op.winner is not None else [])]


def pictures_of(values: Values, target: Target) -> Pictures:
    """Say in the library's words what the options ask of pictures.

    Raises UsageError for what is meaningless whatever the input.
    """
    from poolcli import batch, files
    from poolcli.pictures import Treatment

    linear, by = values.get("linear", False), values.get("by")
    if by is not None:
        from poolcli.pictures.picking import check_key

        check_key(by)
        if values.get("method") is not None:
            raise UsageError("--by takes a pixel as it is, and --method is between two; leave one")
    if (linear or by is not None) and values.get("nodata") is not None:
        raise UsageError(f"--nodata is a value of one channel, and {_which(linear)} changes it")
    look = None
    wished = [values.get(name) for name in ("colormap", "normalize", "grid")]
    if any(wish is not None for wish in wished):
        if target.output is None:
            raise UsageError("--colormap, --normalize and --grid make a picture: say -o FILE.png")
        from poolcli.pictures.look import Look, parse_normalize

        normalize = None if wished[1] is None else parse_normalize(wished[1])
        look = Look(wished[0], normalize, wished[2])
        look.check()
    packing = files.PictureOutput(values.get("quality"), values.get("compression"))
    extension = _extension(target)
    if extension is not None and (problem := files.meaningless(extension, packing)):
        raise UsageError(problem)
    return batch.Pictures(Treatment(linear, by), look, values.get("max_pixels"), packing)


def _which(linear: bool) -> str:
    return "--linear" if linear else "--by"


def _extension(target: Target) -> str | None:
    """Give the extension that all results will have, where that is known."""
    if target.format is not None or target.output is None or target.is_folder:
        return target.format
    return os.path.splitext(target.output)[1].lower() or None
