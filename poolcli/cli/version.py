"""What a run depends on besides its files and options: what ``poolcli --version --json`` prints."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata

from poolcli import __version__

# What poolcli uses where it is installed, by the names that they are installed with.
LIBRARIES = (
    *("numpy", "pillow", "tifffile", "imagecodecs", "imageio", "rich", "typer"),
    *("zarr", "numcodecs", "h5py", "dask", "distributed"),
    *("fsspec", "s3fs", "gcsfs", "aiohttp", "textual-image", "xarray"),
)


def details() -> str:
    """Give poolcli, Python, the machine and the libraries, with versions, as one JSON object."""
    from poolcli.engine import library
    from poolcli.formats.versions import codecs

    record = {
        "poolcli": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}".strip() or sys.platform,
        "instructions": library.use_isa(os.environ.get("POOLCLI_ISA")),
        "libraries": {**_libraries(), **codecs()},
    }
    return json.dumps(record)


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
