"""What the user's environment says where the command line is silent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from poolcli.errors import UsageError
from poolcli.frameworks.defaults import find_preset, preset_name
from poolcli.layout import Layout


class Defaults(NamedTuple):
    """The framework to be like, and layouts to assume by the number of axes."""

    like: str | None
    layouts: Mapping[int, str]


def read_defaults(like: str | None) -> Defaults:
    """Give what holds beside the command line's ``--like``, which wins over both variables.

    ``POOLCLI_LIKE`` is a framework's name, ``POOLCLI_LAYOUT`` layouts separated by commas; of
    the two the layouts win, as they say one thing and a framework many.

    Raises UsageError that names the variable.
    """
    named, like = preset_name(os.environ.get("POOLCLI_LIKE", "").strip() or None), preset_name(like)
    try:
        find_preset(named)
    except UsageError as error:
        raise UsageError(f"variable POOLCLI_LIKE: {error}") from None
    layouts = _layouts()
    return Defaults(named, layouts) if like is None else Defaults(like, {})


def _layouts() -> dict[int, str]:
    layouts = {}
    for letters in filter(None, os.environ.get("POOLCLI_LAYOUT", "").upper().split(",")):
        try:
            layouts[len(letters.strip())] = Layout(letters.strip()).letters
        except UsageError as error:
            raise UsageError(f"variable POOLCLI_LAYOUT: {error}") from None
    return layouts
