"""The versions of what packs and unpacks pictures."""

from __future__ import annotations

import zlib


def codecs() -> dict[str, str]:
    """Give the libraries inside others that bytes of pictures depend on, with their versions."""
    from PIL import features

    found = {"zlib": zlib.ZLIB_RUNTIME_VERSION}
    for name in ("zlib_ng", "libjpeg_turbo", "webp"):
        version = features.version(name)
        if version is not None:
            found[f"Pillow's {name}"] = version
    return found
