"""How sure a winner is: the share of a window's cells that have its value."""

from __future__ import annotations

from typing import Any


def most_frequent(cells: Any, valid: Any) -> Any:
    """The share of the most frequent value among the cells that count.

    ``cells`` are those of many windows side by side, along the first axis, and ``valid`` says which
    of them count.

    >>> import numpy as np
    >>> most_frequent(np.array([[7], [3], [7], [9]]), np.array([[True], [True], [True], [False]]))
    array([0.66666667])
    """
    import numpy as np  # late: to list the ops loads no NumPy

    order = np.argsort(cells, axis=0)
    cells, counts = np.take_along_axis(cells, order, 0), np.take_along_axis(valid, order, 0)
    run = most = counts[0].astype(np.int64)
    for number in range(1, len(cells)):
        same = cells[number] == cells[number - 1]
        run = np.where(same, run, 0) + counts[number]
        most = np.maximum(most, run)
    return most / valid.sum(axis=0)
