"""One answer (S8) from files too: any block size and threads, either memory and byte order."""

import io
import os
import sys

import numpy as np
import pytest

from poolcli import OPS
from poolcli.formats.description import NewArray
from poolcli.formats.readers import read_file
from poolcli.formats.sinks import box_sink
from poolcli.formats.table import NPY
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.request import Request

# (threads, bytes in a block): one row at a time, odd sizes, everything at once.
WAYS = ((1, 1), (2, 1), (3, 77), (5, 1001), (8, 4099), (2, 1 << 30))
SHAPES = {
    "W": (211,),
    "HW": (37, 41),
    "HWC": (23, 31, 3),
    "CHW": (3, 23, 31),
    "NCHW": (2, 3, 17, 19),
    "NHWC": (2, 17, 19, 3),
    "NDHWC": (2, 7, 8, 9, 2),
    "HNWC": (17, 2, 19, 3),
}
GEOMETRIES = {
    "2/2": Sliding(2),
    "3/1 p1": Sliding(3, 1, 1),
    "5/3 d2 same": Sliding(5, 3, "same", 2),
    "global": Global(),
    "adaptive": Adaptive(5),
}


def numbers(shape, dtype):
    rng = np.random.default_rng(12)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        x = rng.standard_normal(shape).astype(dtype)
        x.flat[:: max(1, x.size // 7)] = np.inf
        x.flat[1 :: max(1, x.size // 5)] = np.nan
        return x
    return rng.integers(0, 100, shape).astype(dtype)


def stored(x, path):
    np.save(path, x)
    (loaded,) = read_file(str(path))
    assert not isinstance(loaded.content, np.ndarray)
    return loaded.content


def as_file(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def check(request_of, x, tmp_path, ways=WAYS):
    """Pool ``x`` in memory, then from file to file in each of the ways: the same bytes."""
    expected = as_file(request_of(1).plan(x.shape, x.dtype).run(x))
    source = stored(x, tmp_path / "x.npy")
    for number, (threads, block_bytes) in enumerate(ways):
        plan = request_of(threads).plan(x.shape, x.dtype)
        path = tmp_path / f"y{number}.npy"
        shapes = plan.output_shape, plan.keepdims_shape
        with box_sink(
            NewArray(str(path), ".npy", *shapes, plan.output_dtype), NPY, str(path)
        ) as sink:
            plan.run_into(source, sink.content, block_bytes=block_bytes)
        assert path.read_bytes() == expected, (threads, block_bytes)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize("op", ["max", "avg", "median"])
def test_every_layout_streams_to_the_same_bytes(op, layout, geometry, tmp_path):
    x = numbers(SHAPES[layout], "f4")
    check(lambda threads: Request(op, geometry, layout=layout, threads=threads), x, tmp_path)


@pytest.mark.parametrize("op", sorted(OPS))
def test_every_op_streams_to_the_same_bytes(op, tmp_path):
    params = {"negatives": "relu"} if op == "stochastic" else {}
    for name in ("2/2", "5/3 d2 same"):
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()

        def request(threads, geometry=GEOMETRIES[name]):
            return Request(op, geometry, layout="NHWC", threads=threads, params=params)

        check(request, numbers((2, 13, 15, 3), "f4"), folder, WAYS[1:5])


@pytest.mark.parametrize("nan", ["propagate", "skip"])
@pytest.mark.parametrize("dtype", ["?", ">i2", "u1", ">f2", "<f4", ">f8"])
@pytest.mark.parametrize("order", "CF")
def test_every_kind_of_file_streams_to_the_same_bytes(order, dtype, nan, tmp_path):
    x = np.asarray(numbers((2, 17, 19, 3), dtype), dtype, order=order)

    def request(threads):
        return Request("avg", Sliding(3, 2, 1), layout="NHWC", nan=nan, threads=threads)

    check(request, x, tmp_path)


def test_a_result_without_its_spatial_axes(tmp_path):
    x = numbers((2, 3, 17, 19), "f8")

    def request(threads):
        return Request("sum", Global(), layout="NCHW", keepdims=False, threads=threads)

    check(request, x, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="/dev/fd lists a process's open files")
def test_any_number_of_threads_reads_through_one_open_file(tmp_path):
    x = numbers((400, 64), "f4")
    before = len(os.listdir("/dev/fd"))
    source = stored(x, tmp_path / "x.npy")
    seen = []
    plan = Request("max", Sliding(2), threads=8).plan(x.shape, x.dtype)
    plan.run_into(
        source,
        Unopened(plan.keepdims_shape, plan.output_dtype),
        block_bytes=1000,
        progress=lambda _: seen.append(len(os.listdir("/dev/fd"))),
    )
    # Others may be listing /dev/fd at the same time, each through a descriptor of its own.
    assert min(seen) - before == 1
    assert max(seen) - before <= 1 + 7
    del source
    assert len(os.listdir("/dev/fd")) == before


class Unopened:
    """Takes results and opens nothing."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype, self.chunks = shape, dtype, None

    def write_box(self, box, values):
        pass

    def complete(self):
        pass
