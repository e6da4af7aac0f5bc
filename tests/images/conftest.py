from __future__ import annotations

from inside import clean_surroundings, poolcli

__all__ = ["clean_surroundings", "poolcli"]
