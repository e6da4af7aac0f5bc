"""Who else does the same work: one registry, a row for each peer.

A peer is given an array and the work, and says how it would do it, or None where it has nothing
like that. What it gives may be cut to the windows that poolcli gives before the two are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from poolcli import adaptive_pool, global_pool, pool
from tests.elsewhere import Run, prepare
from tests.elsewhere.scipy import inside

THREADS = 2


@dataclass(frozen=True)
class Work:
    """What is to be done: an op over windows; ``kind`` is sliding, global or adaptive."""

    op: str
    size: int | tuple[int, ...] = 0
    stride: int | tuple[int, ...] | None = None
    layout: str = "NCHW"
    padding: int = 0
    kind: str = "sliding"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int | tuple[int, ...]:
        return self.size if self.stride is None else self.stride

    @property
    def touches(self) -> bool:
        """Whether windows stand side by side."""
        return self.kind == "sliding" and self.steps == self.size and not self.padding

    def slides(self, *ops: str) -> bool:
        """Whether it is one of these ops, over square windows that slide."""
        return self.kind == "sliding" and self.op in ops and isinstance(self.size, int)

    def ours(self, x: np.ndarray) -> Run:
        """What poolcli does, into an array that is there already."""
        threads = THREADS if x.nbytes >= 1 << 20 else None  # small arrays get one by themselves
        common = {"layout": self.layout, "threads": threads, **self.options}
        if self.kind == "global":
            run = partial(global_pool, x, self.op, **common)
        elif self.kind == "adaptive":
            run = partial(adaptive_pool, x, self.op, self.size, **common)
        else:
            common |= {"stride": self.stride, "padding": self.padding}
            run = partial(pool, x, self.op, self.size, **common)
        return partial(run, out=np.zeros_like(run()))


class Doing(NamedTuple):
    """How a peer does it, and what of its result is compared with those of the same ``answer``."""

    run: Run
    look: Callable[[Any], Any] = lambda result: result
    answer: str | None = "result"


def copy(x: np.ndarray, _work: Work) -> Doing:
    """Copy the input: what memory allows."""
    flat = x.reshape(-1) if x.flags.c_contiguous else x.transpose(np.argsort(x.strides)[::-1])
    target = np.zeros_like(flat)
    halves = np.array_split(np.arange(len(flat)), THREADS)
    parts = [slice(int(half[0]), int(half[-1]) + 1) for half in halves if len(half)]
    threads = ThreadPoolExecutor(THREADS)
    if x.nbytes < 1 << 20:
        return Doing(partial(np.copyto, target, flat), answer=None)

    def run() -> None:
        list(threads.map(lambda part: np.copyto(target[part], flat[part]), parts))

    return Doing(run, answer=None)


_NODES = {"max": "MaxPool", "avg": "AveragePool"}


def onnxruntime(x: np.ndarray, work: Work) -> Doing | None:
    """Models of one node."""
    if work.op not in _NODES or work.layout != "NCHW" or x.dtype != np.float32:
        return None
    if work.kind == "global":
        return Doing(prepare("onnxruntime", f"Global{_NODES[work.op]}", x, {}, THREADS))
    if not work.slides(*_NODES):
        return None
    args = {
        "kernel_shape": [work.size] * 2,
        "strides": [work.steps] * 2,
        "pads": [work.padding] * 4,
    }
    return Doing(prepare("onnxruntime", _NODES[work.op], x, args, THREADS))


def torch(x: np.ndarray, work: Work) -> Doing | None:
    """PyTorch's functions; channels last by its memory format."""
    if work.op not in _NODES or x.dtype != np.float32 or work.layout not in ("NCHW", "NHWC"):
        return None
    last = work.layout == "NHWC"
    seen = x.transpose(0, 3, 1, 2) if last else x
    look = (lambda y: np.asarray(y).transpose(0, 2, 3, 1)) if last else np.asarray
    if work.kind != "sliding":
        size = 1 if work.kind == "global" else work.size
        args: dict[str, Any] = {"output_size": size}
        return Doing(prepare("torch", f"adaptive_{work.op}_pool2d", seen, args, THREADS), look)
    args = {"kernel_size": work.size, "stride": work.steps, "padding": work.padding}
    if work.op == "avg":
        args["count_include_pad"] = False
    return Doing(prepare("torch", f"{work.op}_pool2d", seen, args, THREADS), look)


def opencv(x: np.ndarray, work: Work) -> Doing | None:
    """Filters of every pixel, and INTER_AREA, which rounds halves up."""
    import cv2

    if not work.slides("max", "avg", "median") or not isinstance(work.size, int):
        return None
    cv2.setNumThreads(THREADS)
    size = work.size
    if work.layout == "HWC" and work.op == "avg" and work.touches:
        return Doing(prepare("opencv", "INTER_AREA", x, {"factor": size}, THREADS), answer=None)
    if work.layout != "HW" or size % 2 == 0:
        return None
    cut = partial(inside, size=size, stride=int(work.steps))  # type: ignore[arg-type]
    if work.op == "median":
        if x.dtype != np.uint8 and size > 5:
            return None
        return Doing(lambda: cv2.medianBlur(x, size), cut)
    if work.op == "max":
        return Doing(partial(cv2.dilate, x, np.ones((size, size), np.uint8)), cut)
    return Doing(partial(cv2.blur, x, (size, size)), cut)


def scipy(x: np.ndarray, work: Work) -> Doing | None:
    """A filter of every cell."""
    if not work.slides("median") or work.layout != "HW" or work.size > 5:  # type: ignore[operator]
        return None
    return Doing(prepare("scipy", "median_filter", x, {"size": work.size, "stride": work.steps}))


def pillow(x: np.ndarray, work: Work) -> Doing | None:
    """Image.reduce, which rounds halves up."""
    if work.layout != "HWC" or not work.slides("avg") or not work.touches or x.dtype != np.uint8:
        return None
    return Doing(prepare("pillow", "reduce", x, {"factor": work.size}), answer=None)


def tinybrain(x: np.ndarray, work: Work) -> Doing | None:
    """Labels of volumes and planes; of ties it may take another."""
    if work.op != "mode" or not work.touches:
        return None
    from tinybrain import downsample_segmentation

    factor = (work.size,) * x.ndim if isinstance(work.size, int) else work.size
    seen = np.asfortranarray(x)  # what it expects
    return Doing(lambda: downsample_segmentation(seen, factor)[0], answer=None)


_REDUCE = {
    "max": np.max,
    "min": np.min,
    "sum": np.sum,
    "avg": np.mean,
    "std": np.std,
    "var": np.var,
    "range": np.ptp,
    "median": np.median,
}


def numpy(x: np.ndarray, work: Work) -> Doing | None:
    """Reshape and reduce, where windows stand side by side."""
    if work.op not in _REDUCE or not work.touches or "dtype" in work.options:
        return None
    spatial = [axis for axis, letter in enumerate(work.layout) if letter in "DHW"]
    sizes = work.size if isinstance(work.size, tuple) else (work.size,) * len(spatial)
    shape: list[int] = []
    reduced = []
    for axis, n in enumerate(x.shape):
        if axis in spatial:
            size = sizes[spatial.index(axis)]
            reduced.append(len(shape) + 1)
            shape += [n // size, size]
        else:
            shape.append(n)
    if any(n % size for n, size in zip((x.shape[a] for a in spatial), sizes, strict=True)):
        return None
    seen, reduce = x.reshape(shape), _REDUCE[work.op]
    if work.op == "sum" and x.dtype.kind in "iu":
        return Doing(lambda: reduce(seen, axis=tuple(reduced), dtype=np.dtype(x.dtype.kind + "8")))
    return Doing(lambda: reduce(seen, axis=tuple(reduced)))


Peer = Callable[[np.ndarray, Work], Doing | None]

PEERS: dict[str, Peer] = {
    "copy": copy,
    "onnxruntime": onnxruntime,
    "torch": torch,
    "OpenCV": opencv,
    "SciPy": scipy,
    "Pillow": pillow,
    "tinybrain": tinybrain,
    "NumPy": numpy,
}
