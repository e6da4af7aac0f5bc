"""Arrays that are stored in chunks: each is decoded about once, and written whole, once."""

import threading

import numpy as np
import pytest

from poolcli import OPS
from poolcli.engine.chunks import ChunkedInput
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.request import Request

GEOMETRIES = {
    "2/2": Sliding(2),
    "3/2 p1": Sliding(3, 2, 1),
    "5/3 d2": Sliding(5, 3, 0, 2),
    "7/1": Sliding(7, 1),
    "2x9/1x4": Sliding((2, 9), (1, 4)),
    "global": Global(),
    "adaptive": Adaptive((3, 5)),
    "adaptive many": Adaptive((40, 61)),
}
# (shape, layout, chunks of cells, chunks of results)
STORED = {
    "tiles": ((64, 96, 3), "HWC", (16, 16, 3), (16, 16, 3)),
    "tiles that do not fit": ((61, 83), "HW", (16, 32), (8, 24)),
    "strips": ((50, 70), "HW", (7, 70), (4, 1000)),
    "planes": ((3, 40, 60), "CHW", (1, 16, 16), (1, 16, 16)),
    "pages": ((5, 33, 31), "NHW", (2, 8, 8), (3, 8, 16)),
    "only read": ((64, 64), "HW", (8, 8), None),
    "only written": ((64, 64), "HW", None, (8, 8)),
}


class Counted(ChunkedInput):
    """Counts how often each chunk is decoded."""

    def __init__(self, array, chunks, **named):
        self.array, self.count = array, {}
        self._counting = threading.Lock()
        super().__init__(array.shape, array.dtype, chunks, self.chunk, **named)

    def chunk(self, place):
        with self._counting:
            self.count[place] = self.count.get(place, 0) + 1
        steps = zip(place, self.chunks, strict=True)
        return self.array[tuple(slice(i * step, (i + 1) * step) for i, step in steps)].copy()


class Stored:
    """Takes results in whole chunks, each once."""

    def __init__(self, shape, dtype, chunks):
        self.shape, self.dtype, self.chunks = shape, dtype, chunks
        self.array, self.visits = np.zeros(shape, dtype), np.zeros(shape, int)

    def write_box(self, box, values):
        for (low, high), n, step in zip(box, self.shape, self.chunks or self.shape, strict=True):
            if self.chunks is not None:
                assert low % step == 0
                assert high % step == 0 or high == n
        assert values.flags.c_contiguous
        place = tuple(slice(*part) for part in box)
        self.array[place] = values
        self.visits[place] += 1

    def complete(self):
        pass


def numbers(shape, dtype="f4"):
    return np.random.default_rng(4).normal(0, 100, shape).astype(dtype)


def source_of(x, chunks):
    return x if chunks is None else Counted(x, chunks)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("op", ["max", "avg", "median"])
def test_chunks_do_not_show(op, stored, geometry):
    shape, layout, read, written = STORED[stored]
    x = numbers(shape)
    plan = Request(op, geometry, layout=layout).plan(x.shape, x.dtype)
    expected = plan.run(x)
    for threads, block_bytes in ((1, None), (3, None), (3, 1), (2, 3000)):
        plan = Request(op, geometry, layout=layout, threads=threads).plan(x.shape, x.dtype)
        out = Stored(plan.keepdims_shape, plan.output_dtype, written)
        plan.run_into(source_of(x, read), out, block_bytes=block_bytes)
        assert out.array.tobytes() == expected.tobytes(), (threads, block_bytes)
        assert (out.visits == 1).all(), (threads, block_bytes)


@pytest.mark.parametrize("op", sorted(OPS))
def test_every_op_goes_by_chunks(op):
    x = np.abs(numbers((37, 45, 2))) if op == "stochastic" else numbers((37, 45, 2))
    for geometry in (Sliding(2), Sliding(3, 2, "same")):
        request = Request(op, geometry, threads=2)
        plan = request.plan(x.shape, x.dtype, "HWC")
        out = Stored(plan.keepdims_shape, plan.output_dtype, (8, 8, 2))
        plan.run_into(Counted(x, (16, 16, 2)), out, block_bytes=2000)
        assert out.array.tobytes() == plan.run(x).tobytes()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("op", ["max", "avg"])
@pytest.mark.parametrize(
    "stored", ["tiles", "tiles that do not fit", "strips", "planes", "only read"]
)
@pytest.mark.parametrize(
    "geometry", [Sliding(2), Sliding(5, 2, 2), Sliding(9, 1, 4), Sliding(20), Global()]
)
def test_no_chunk_is_decoded_twice(geometry, stored, op, threads):
    shape, layout, read, written = STORED[stored]
    x = numbers(shape)
    plan = Request(op, geometry, layout=layout, threads=threads).plan(x.shape, x.dtype)
    source = Counted(x, read)
    plan.run_into(source, Stored(plan.keepdims_shape, plan.output_dtype, written), block_bytes=4000)
    # What a thread that had to wait still needs the others may have thrown out.
    assert sum(source.count.values()) <= len(source.count) * (1 if threads == 1 else 2)


def test_what_is_kept_is_bounded():
    x = numbers((64, 64))
    source = Counted(x, (8, 8), most_bytes=0)
    plan = Request("max", Sliding(5, 1, 2)).plan(x.shape, x.dtype)
    expected = plan.run(x)
    assert plan.run(source, block_bytes=500).tobytes() == expected.tobytes()
    assert sum(source.count.values()) > len(source.count)


def test_a_chunk_that_fails_is_told_to_all_who_wait():
    started, go = threading.Barrier(3), threading.Event()

    def decode(place):
        go.wait()
        raise ValueError("damaged")

    source = ChunkedInput((4, 4), np.dtype("u1"), (4, 4), decode)
    errors = []

    def read():
        started.wait()
        try:
            source.read_box(((0, 4), (0, 4)), np.empty((4, 4), "u1"))
        except ValueError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    started.wait()
    go.set()
    for thread in threads:
        thread.join()
    assert errors == ["damaged"] * 2
