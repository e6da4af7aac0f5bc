"""What the bytes of results depend on besides files and options: the libraries that make them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

LIBRARIES = ("poolcli", "numpy", "pillow", "tifffile", "imagecodecs")


def software() -> dict[str, str]:
    """Give the libraries of this process by name, with their versions.

    >>> sorted(software())[-2:]
    ['tifffile', 'zlib']
    """
    import poolcli
    from poolcli.formats.versions import codecs

    found = {name: _version(name) for name in LIBRARIES}
    found["poolcli"] = poolcli.__version__
    python = ".".join(platform.python_version_tuple()[:2])
    return {**found, "Python": python, **codecs()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def difference(here: Mapping[str, str], there: Mapping[str, str]) -> str | None:
    """Say how what is there differs from what is here; None where it does not.

    >>> difference({"numpy": "2.4.0", "zlib": "1.3"}, {"numpy": "2.3.1", "zlib": "1.3"})
    'it has numpy 2.3.1, here is 2.4.0'
    """
    names = [name for name in sorted({**here, **there}) if here.get(name) != there.get(name)]
    if not names:
        return None
    told = [f"{name} {there.get(name, 'none')}, here is {here.get(name, 'none')}" for name in names]
    return f"it has {'; '.join(told)}"
