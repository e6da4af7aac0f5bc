"""How tests of files run the program on them."""

from __future__ import annotations

from tests.helpers.inside import clean_surroundings, poolcli

__all__ = ["clean_surroundings", "poolcli"]
