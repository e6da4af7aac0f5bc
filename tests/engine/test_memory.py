"""Memory while streaming, as tracemalloc counts it: bounded for each thread, whatever the array."""

import tracemalloc

import numpy as np
import pytest

from poolcli.engine.arrays import StoredInputView
from poolcli.geometry import Global, Sliding
from poolcli.request import Request
from tests.helpers.stores import Nowhere, Synthetic

MEGABYTE = 1 << 20


def peak(op, geometry, shape, *, layout, threads=1, **options):
    """The most bytes that pooling an array of this shape had allocated at any moment."""
    request = Request(op, geometry, layout=layout, threads=threads, **options)
    plan = request.plan(shape, np.dtype("f4"))
    source, target = Synthetic(shape), Nowhere(plan.keepdims_shape, plan.output_dtype)
    tracemalloc.start()
    try:
        plan.run_into(source, target)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SHAPES = {
    "HW": lambda times: (times * 4096, 2048),
    "NCHW": lambda times: (times, 8, 1024, 1024),
    "NHWC": lambda times: (times, 1024, 1024, 8),
    "HWC": lambda times: (times * 4096, 512, 4),
}


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize(
    ("op", "geometry"),
    [("max", Sliding(2)), ("avg", Sliding(3, 2, 1)), ("median", Sliding(3, 3))],
    ids=["max 2/2", "avg 3/2 p1", "median 3/3"],
)
def test_memory_does_not_grow_with_the_array(op, geometry, layout):
    # With several threads a small array may be done before the others have begun.
    once, four_times = (
        peak(op, geometry, SHAPES[layout](n), layout=layout, threads=1) for n in (1, 4)
    )
    assert four_times <= 1.1 * once + MEGABYTE / 4


@pytest.mark.parametrize("op", ["max", "avg", "median"])
def test_memory_of_a_global_window_does_not_grow_with_it(op):
    once, four_times = (peak(op, Global(), (n * 4096, 2048), layout="HW") for n in (1, 4))
    # A large window's tree has a state for each level: it may grow with the logarithm.
    assert four_times <= 1.1 * once + MEGABYTE / 4


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize(
    ("op", "blocks"), [("max", 4), ("avg", 4), ("lp", 6), ("median", 24), ("stochastic", 16)]
)
def test_memory_is_a_few_blocks_for_each_thread(op, blocks, layout):
    """More for ops that see the cells of each window side by side."""
    shape = SHAPES[layout](2)
    for threads in (1, 3):
        most = threads * blocks * StoredInputView.block_bytes + MEGABYTE
        assert peak(op, Sliding(2), shape, layout=layout, threads=threads) <= most


def test_large_windows_stay_within_their_blocks():
    """31×31 windows at every cell: halos make blocks larger, but not without end."""
    for op in ("max", "avg"):
        assert (
            peak(op, Sliding(31, 1), (8192, 1024), layout="HW") <= 32 * StoredInputView.block_bytes
        )
