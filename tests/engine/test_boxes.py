"""What is read and written, counted: every byte once where windows only touch, and few blocks."""

import math

import numpy as np
import pytest

from poolcli.engine.arrays import StoredInputView
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.request import Request
from tests.helpers.stores import Recorded, Synthetic, Written

LAYOUTS = {
    "HW": (96, 80),
    "HWC": (48, 40, 3),
    "NCHW": (2, 3, 32, 24),
    "NHWC": (2, 32, 24, 5),
    "NCDHW": (2, 2, 8, 12, 16),
}
BLOCKS = (1, 1000, 5000, None)


def stream(op, geometry, source, *, layout, threads=1, block_bytes=None, **options):
    """Pool a stored array; return where its results were written, and how many blocks it took."""
    request = Request(op, geometry, layout=layout, threads=threads, **options)
    plan = request.plan(source.shape, source.dtype)
    target = Written(plan.keepdims_shape, plan.output_dtype)
    parts = []
    plan.run_into(source, target, block_bytes=block_bytes, progress=parts.append)
    assert (target.visits == 1).all()
    assert math.isclose(sum(parts), 1)
    return target, len(parts)


def random(shape, dtype="f4"):
    return np.random.default_rng(4).random(shape).astype(dtype)


@pytest.mark.parametrize("op", ["max", "avg", "median", "lp", "mode"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_windows_that_only_touch_read_every_byte_once(layout, op):
    for block_bytes in BLOCKS:
        for threads in (1, 3):
            source = Recorded(random(LAYOUTS[layout]))
            stream(op, Sliding(2), source, layout=layout, threads=threads, block_bytes=block_bytes)
            assert (source.visits == 1).all(), (block_bytes, threads)


@pytest.mark.parametrize("geometry", [Global(), Adaptive(4)], ids=["global", "adaptive"])
@pytest.mark.parametrize("op", ["max", "avg"])
@pytest.mark.parametrize("layout", ["HW", "NCHW", "NHWC"])
def test_other_windows_that_only_touch_read_every_byte_once(layout, op, geometry):
    for block_bytes in BLOCKS:
        source = Recorded(random(LAYOUTS[layout]))
        stream(op, geometry, source, layout=layout, block_bytes=block_bytes)
        assert (source.visits == 1).all(), block_bytes


def test_cells_that_no_window_covers_are_not_read_twice_and_not_missed():
    source = Recorded(random((50, 41)))
    stream("max", Sliding(4, 5), source, layout="HW", block_bytes=1000)
    assert source.visits.max() == 1
    covered = (np.arange(50) % 5 < 4)[:, None] & (np.arange(41) % 5 < 4)
    covered[:, 40:] = False  # one cell is left at the end, and no window fits there
    assert (source.visits[covered] == 1).all()


@pytest.mark.parametrize("size", [2, 3, 9, 31])
@pytest.mark.parametrize("op", ["max", "avg"])
@pytest.mark.parametrize("layout", ["HW", "NCHW", "NHWC"])
def test_overlapping_windows_read_at_most_twice(layout, op, size):
    """A block holds at least as many rows again as it shares with the next."""
    shape = {"HW": (256, 64), "NCHW": (2, 2, 256, 64), "NHWC": (2, 256, 64, 3)}[layout]
    for block_bytes in (1 << 14, 1 << 16, None):
        source = Recorded(random(shape))
        stream(op, Sliding(size, 1), source, layout=layout, block_bytes=block_bytes)
        assert source.visits.min() >= 1
        assert source.factor <= 2, block_bytes


@pytest.mark.parametrize("size", [(400, 1), (400, 400), (1, 400)])
def test_tall_windows_over_wide_rows_read_a_few_times(size):
    """Blocks get narrow rather than flat: a flat one would read all its windows' rows again."""
    source = Recorded(random((900, 6000)))
    stream("max", Sliding(size, 1), source, layout="HW")
    assert source.factor <= 4


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_what_is_read(threads):
    alone, together = (Recorded(random((200, 64))) for _ in range(2))
    stream("max", Sliding(3, 1), alone, layout="HW", block_bytes=4096)
    stream("max", Sliding(3, 1), together, layout="HW", threads=threads, block_bytes=4096)
    np.testing.assert_array_equal(alone.visits, together.visits)


@pytest.mark.parametrize("layout", ["HW", "NCHW", "NHWC"])
def test_there_are_about_as_many_blocks_as_fit(layout):
    """Blocks of what they aim at, not one per row or plane: each costs Python time."""
    block_bytes = 1 << 14
    shape = {"HW": (512, 128), "NCHW": (16, 4, 32, 32), "NHWC": (1, 128, 128, 4)}[layout]
    source = Synthetic(shape)
    _, blocks = stream("max", Sliding(2), source, layout=layout, block_bytes=block_bytes)
    fit = math.prod(shape) * 4 / block_bytes
    assert fit <= blocks <= 1.5 * fit


def test_a_small_array_is_one_block():
    for layout, shape in LAYOUTS.items():
        assert math.prod(shape) * 4 < StoredInputView.block_bytes
        assert stream("max", Sliding(2), Synthetic(shape), layout=layout)[1] == 1


def test_many_small_planes_share_a_block():
    """A batch of 7×7 feature maps would otherwise be all Python."""
    shape = (64, 256, 7, 7)
    _, blocks = stream("max", Global(), Synthetic(shape), layout="NCHW")
    assert blocks <= 2 * math.ceil(math.prod(shape) * 4 / StoredInputView.block_bytes)


@pytest.mark.parametrize(("shape", "layout"), [((4096, 2048), "HW"), ((4, 3, 512, 600), "NCHW")])
def test_results_are_written_in_runs_where_cells_lie_the_other_way_round(shape, layout):
    """As of a file in Fortran order: its fastest axis is the slowest of the result's."""
    plan = Request("max", Sliding(2), layout=layout).plan(shape, np.dtype("f4"))
    source = Recorded(np.zeros(shape[::-1], np.float32))
    source.shape, source.axes = shape[::-1], tuple(range(len(shape)))[::-1]
    target = Written(plan.keepdims_shape, plan.output_dtype)
    boxes = []
    target.write_box = lambda box, values: boxes.append(box)
    plan.run_into(source, target)
    # All but the last along the axis.
    assert sum(high - low for *_, (low, high) in boxes) / len(boxes) >= 128
    assert source.factor == 1


@pytest.mark.parametrize("reverse", [False, True], ids=["C order", "Fortran order"])
@pytest.mark.parametrize("op", ["max", "avg", "median"])
def test_a_global_window_is_read_in_runs(op, reverse):
    """It is cut along rows, in the order that sums are made in, but into no short runs."""
    shape = (1200, 1500)
    plan = Request(op, Global(), layout="HW").plan(shape, np.dtype("f8"))
    stored = shape[::-1] if reverse else shape
    source, boxes = Recorded(np.zeros(stored)), []
    source.axes = (1, 0) if reverse else (0, 1)
    read = source.read_box
    source.read_box = lambda box, out: (boxes.append(box), read(box, out))
    plan.run_into(source, Written(plan.keepdims_shape, plan.output_dtype), block_bytes=100_000)
    assert len(boxes) > (3 if reverse else 10)
    assert all(high - low >= min(256, stored[-1] - low) for *_, (low, high) in boxes)
