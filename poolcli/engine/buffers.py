"""Scratch memory that one thread reuses from block to block."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Buffers:
    """Named scratch arrays; a name holds one array at a time and keeps its memory."""

    def __init__(self) -> None:
        self._memory: dict[Hashable, Array] = {}

    def take(self, name: Hashable, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """An uninitialised C-contiguous array; what was taken under ``name`` before is void."""
        need = math.prod(shape) * dtype.itemsize
        memory = self._memory.get(name)
        if memory is None or memory.nbytes < need:
            memory = self._memory[name] = np.empty(need, np.uint8)
        return memory[:need].view(dtype).reshape(shape)
