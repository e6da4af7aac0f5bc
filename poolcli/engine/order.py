"""In which order, and in which of its precisions, a fold goes through a window.

Both are part of what a floating-point result is, to the last bit. So they depend on the op and on
the windows alone, never on blocks, threads, memory order or where the cells come from.
"""

from __future__ import annotations

from poolcli.engine.kernel import Fold
from poolcli.windows import Windows

# Windows of at most so many columns are folded before rows are.
SMALL = 4


def fold_order(fold: Fold, windows: tuple[Windows, ...]) -> tuple[int, ...]:
    """The axes in the order in which they are folded; depends on the op and the windows alone.

    Rows before columns is cheapest where it leaves few rows. Where windows are small, or lie at
    every cell, columns go first: the cells are then read once, in the order they are stored in.
    """
    last = len(windows) - 1
    axes = tuple(range(len(windows)))
    if not all(w.out > 1 and isinstance(w.starts, range) for w in windows):
        return axes
    w = windows[last]
    step = w.starts.step if isinstance(w.starts, range) else 0
    # Only maxima avoid strided steps, see ``_dense_step``, and those over narrow integers are slow.
    slow = step > 1 and fold.picks is None and fold.parts[0].itemsize < 4
    if (w.largest <= SMALL or step == 1) and not slow:
        return (last, *axes[:last])
    return axes


def first_fold(fold: Fold, windows: tuple[Windows, ...]) -> Fold:
    """The fold's narrow start where that pays, else the fold; depends on the windows alone.

    Narrow trees are made where some window needs one, and then widened. Where windows overlap much
    that is at nearly every cell, so that nothing is saved unless whole windows are narrow.
    """
    if fold.start is None:
        return fold
    w = windows[fold_order(fold, windows)[0]]
    whole = w.largest <= fold.start_cells
    apart = w.out == 1 or 2 * (w.starts[-1] - w.starts[0]) >= w.largest * (w.out - 1)
    return fold.start if whole or apart else fold


def trimmed_windows(fold: Fold, windows: tuple[Windows, ...]) -> tuple[Windows, ...]:
    """Windows whose folds are the same to the last bit, and whose sizes follow their real cells."""
    if not any(w.reaches_far for w in windows):
        return windows
    from poolcli.engine.trimming import trimmed  # late: few windows need it

    least = 1 if fold.start is None else fold.start_cells
    return tuple(trimmed(w, least) if w.reaches_far else w for w in windows)
