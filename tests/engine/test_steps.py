"""Steps are counted, never timed: a window of k cells costs about log2(k) steps, not k."""

from dataclasses import replace

import numpy as np
import pytest

from poolcli.engine.arrays import Buffers
from poolcli.engine.fold import Folding, fold_axis
from poolcli.plan import Plan, Request
from poolcli.windows import Sliding

LENGTH = 2048
LANES = 64  # folded side by side, so that a call costs little beside its elements


class Counted:
    """A combine that counts its calls and the cells it combines."""

    def __init__(self, combine):
        self.combine, self.calls, self.cells = combine, 0, 0

    def __call__(self, a, b, out):
        self.calls += 1
        self.cells += out[0].size // LANES
        self.combine(a, b, out)


def fold(size: int, stride: int, *, idempotent: bool) -> Counted:
    """Fold long columns, check the result, and give the counts."""
    ufunc = np.maximum if idempotent else np.add
    counted = Counted(lambda a, b, out: ufunc(a[0], b[0], out=out[0]))
    cells = np.random.default_rng(3).integers(0, 1 << 40, (LENGTH, LANES))
    count = (LENGTH - size) // stride + 1
    used = cells[: (count - 1) * stride + size]
    out = np.empty((count, LANES), cells.dtype)
    identity = (np.iinfo(cells.dtype).min if idempotent else 0,)
    how = Folding((cells.dtype,), identity, counted, ufunc if idempotent else None, Buffers())
    fold_axis((used,), 0, size, stride, 1, (out,), how)
    windows = np.lib.stride_tricks.sliding_window_view(cells, size, axis=0)[::stride]
    np.testing.assert_array_equal(out, ufunc.reduce(windows, axis=-1))
    return counted


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize(("size", "calls"), [(1, 0), (2, 1), (3, 2), (4, 2), (8, 3), (64, 6)])
def test_steps_of_small_windows_and_powers_of_two(size, calls, idempotent):
    assert fold(size, 1, idempotent=idempotent).calls == calls


@pytest.mark.parametrize("size", range(2, 80))
def test_steps_grow_with_the_logarithm(size):
    levels = (size - 1).bit_length()
    # Runs of max may overlap, so that two of them always cover the window.
    assert fold(size, 1, idempotent=True).calls == levels
    # Those of a sum may not: what is left after the largest run has its own tree.
    assert fold(size, 1, idempotent=False).calls <= 2 * levels - 1


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("size", [2, 3, 5, 7, 16, 31, 64])
def test_windows_that_only_touch_combine_each_cell_once(size, idempotent):
    assert fold(size, size, idempotent=idempotent).cells <= LENGTH


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [3, 9, 31])
def test_cells_combined_for_overlapping_windows(size, stride):
    """No more than for each window by itself, nor than the steps times the cells."""
    counted = fold(size, stride, idempotent=False)
    windows = (LENGTH - size) // stride + 1
    # The edges add a little.
    assert counted.cells <= 1.01 * (size - 1) * windows
    assert counted.cells <= (2 * (size - 1).bit_length() - 1) * LENGTH


def counted_plan(op: str, size: int, shape: tuple[int, ...]) -> tuple[Plan, Counted]:
    plan = Request(op, Sliding(size, 1), layout="NCHW", threads=1).plan(shape, np.dtype("f4"))
    counted = Counted(plan.kernel.combine)
    return replace(plan, kernel=plan.kernel._replace(combine=counted)), counted


@pytest.mark.parametrize(("op", "size", "steps"), [("max", 3, 4), ("max", 31, 10), ("avg", 3, 4)])
def test_steps_of_one_block(op, size, steps):
    """Both axes together, with all that the engine does around a fold."""
    x = np.random.default_rng(1).random((1, 2, 64, 64), np.float32)
    plan, counted = counted_plan(op, size, x.shape)
    plan.run(x)
    assert counted.calls == steps


def test_a_large_average_takes_at_most_four_times_the_steps_of_a_small_one():
    x = np.random.default_rng(1).random((1, 2, 64, 64), np.float32)
    calls = {}
    for size in (3, 31):
        plan, counted = counted_plan("avg", size, x.shape)
        plan.run(x)
        calls[size] = counted.calls
    assert calls[31] <= 4 * calls[3]
