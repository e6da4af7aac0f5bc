"""How tests run the program inside this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.inside import clean_surroundings, poolcli

__all__ = ["clean_surroundings", "matrix", "poolcli"]


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """Give a small .npy file, ``x.npy``."""
    path = tmp_path / "x.npy"
    np.save(path, np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]]))
    return path
