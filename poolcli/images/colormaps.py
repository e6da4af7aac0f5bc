"""Colormaps: the published ones by a few of their colours each, with straight lines between.

viridis, magma, inferno, plasma: S. van der Walt and N. Smith, 2015; cividis: J. Nuñez, C. Anderton
and R. Renslow, 2018 (their authors' data are in the public domain, CC0); turbo: A. Mikhailov, 2019.
33 colours of each, evenly spaced, are never more than 6 of 255 away from the whole map.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import UsageError

_POINTS = {
    "grey": "000000 ffffff",
    "viridis": (
        "440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d "
        "2f6b8e 2c728e 297a8e 26828e 23898e 21918c 1f978b 1f9f88 21a685 27ad81 31b57b "
        "3dbc74 4cc26c 5cc863 6ece58 81d34d 95d840 aadc32 c0df25 d5e21a eae51a fde725"
    ),
    "magma": (
        "000004 030312 0a0822 130d34 1d1147 29115a 36106b 440f76 51127c 5d177f 6a1c81 "
        "762181 832681 902a81 9c2e7f aa337d b73779 c23b75 cf4070 db476a e55064 ee5b5e "
        "f4695c f9785d fb8761 fd9668 fea571 feb47b fec287 fed194 fde0a1 fceeb0 fcfdbf"
    ),
    "inferno": (
        "000004 040312 0b0724 150b37 210c4a 2f0a5b 3d0965 4a0c6b 57106e 64156e 71196e "
        "7d1e6d 8a226a 972766 a32c61 b0315b bc3754 c63d4d d04545 da4e3c e35933 eb6429 "
        "f1711f f67e14 f98c0a fb9b06 fcaa0f fbba1f f9c932 f5d949 f2e865 f3f586 fcffa4"
    ),
    "plasma": (
        "0d0887 220690 310597 3f049c 4c02a1 5901a5 6600a7 7201a8 7e03a8 8a09a5 9511a1 "
        "a01a9c aa2395 b32c8e bc3587 c43e7f cc4778 d24f71 d9586a df6263 e56b5d eb7556 "
        "f07f4f f48948 f89441 fb9f3a fdab33 feb72d fdc328 fcd025 f9dd25 f5eb27 f0f921"
    ),
    "cividis": (
        "00224e 00285b 002e6a 053371 1a386f 273e6e 32436d 3b496c 434e6c 4b546c 535a6d "
        "5a5f6e 61656f 686a71 6f7073 767676 7d7c78 838179 8b8778 928d78 9a9376 a29975 "
        "aaa073 b3a670 bbad6d c3b369 ccba64 d4c15f ddc858 e6d051 efd748 f8df3c fee838"
    ),
    "turbo": (
        "30123b 392a73 4040a2 4456c7 466be3 4680f6 4294ff 37a8fa 28bceb 1ccdd8 18ddc2 "
        "1fe9af 32f298 4ef97d 6dfe62 8bff4b a4fc3c b7f735 cbed34 dde037 ecd13a f7c13a "
        "fdae35 fe992c fb8122 f56918 ec530f e14109 d23105 c12302 ac1701 950d01 7a0403"
    ),
}
NAMES = tuple(_POINTS)
_ALIASES = {"gray": "grey"}

# What stands for NaN where nothing can be transparent: a colour that the map does not have.
_NAN_OF_GREY, _NAN = (255, 0, 0), (128, 128, 128)


def check_name(name: str) -> None:
    """Raise UsageError for a colormap that is not known."""
    if _ALIASES.get(name, name) not in _POINTS:
        raise UsageError(f"`colormap` {name!r}: use {', '.join(NAMES)}")


@cache
def colours(name: str) -> NDArray[np.uint8]:
    """The map as 256 colours: (256, 3)."""
    words = _POINTS[_ALIASES.get(name, name)].split()
    points = np.array([list(bytes.fromhex(word)) for word in words], np.float64)
    places = np.rint(np.linspace(0, 255, len(points)))
    table = [np.interp(np.arange(256), places, channel) for channel in points.T]
    return np.asarray(np.rint(np.stack(table, axis=1)), np.uint8)


def nan_colour(name: str | None) -> tuple[int, int, int]:
    """The colour for NaN in pictures without transparency."""
    grey = name is None or _ALIASES.get(name, name) == "grey"
    return _NAN_OF_GREY if grey else _NAN
