"""Arrays in memory: a row for each work, with the targets that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers import PEERS, Work
from benchmarks.timing import Case, Target, Way

# A float32 average in another order, relative to the largest of them.
FLOAT_ERROR = 2e-5

Array = np.ndarray[Any, np.dtype[Any]]
Make = Callable[[], Array]


class Row(NamedTuple):
    """One work on one array, and how many times as fast as whom it should be."""

    title: str
    array: Make
    work: Work
    least: Mapping[str, float] = {}
    peers: tuple[str, ...] = tuple(PEERS)
    calls: int = 1
    """How often a run does it."""


def numbers(*shape: int, dtype: str = "float32") -> Make:
    """Numbers of any type, the same on every machine."""

    def make() -> Array:
        rng = np.random.default_rng(5)
        if np.dtype(dtype).kind == "f":
            return rng.standard_normal(shape, np.float32).astype(dtype)
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype)

    return make


def labels(*shape: int, dtype: str) -> Make:
    """Labels in lumps, as segmentations have them."""

    def make() -> Array:
        coarse = np.random.default_rng(6).integers(0, 200, [n // 16 for n in shape], dtype)
        for axis in range(len(shape)):
            coarse = np.repeat(coarse, 16, axis)
        return coarse

    return make


BIG = numbers(1, 16, 2048, 2048)
PLANE = numbers(4096, 4096)
LAST = numbers(4, 512, 512, 64)
PHOTO = numbers(4096, 6000, 3, dtype="uint8")
ROUND = {"dtype": "uint8", "fit": "round"}


def _layer(title: str, shape: tuple[int, ...], op: str, size: int, stride: int, pad: int) -> Row:
    work = Work(op, size, stride, padding=pad)
    return Row(title, numbers(*shape), work, {"onnxruntime": 1.2}, ("onnxruntime", "torch"))


def _small(side: int, work: Work, title: str) -> Row:
    return Row(title, numbers(1, 3, side, side), work, {"torch": 1 / 3}, ("torch",), calls=200)


_FRAMEWORKS = ("copy", "onnxruntime", "torch")

ROWS: dict[str, list[Row]] = {
    "windows": [
        Row(
            "max 2/2", BIG, Work("max", 2), {"copy": 0.8, "onnxruntime": 2, "torch": 2}, _FRAMEWORKS
        ),
        Row(
            "avg 2/2", BIG, Work("avg", 2), {"copy": 0.8, "onnxruntime": 2, "torch": 2}, _FRAMEWORKS
        ),
        Row(
            "max 3/2",
            BIG,
            Work("max", 3, 2),
            {"copy": 0.8, "onnxruntime": 2, "torch": 2},
            _FRAMEWORKS,
        ),
        Row("max 3/1", BIG, Work("max", 3, 1), {"copy": 0.6, "onnxruntime": 1.5}, _FRAMEWORKS),
        Row("avg 3/1", BIG, Work("avg", 3, 1), {"copy": 0.5, "onnxruntime": 1.5}, _FRAMEWORKS),
        Row(
            "NHWC max 3/2",
            LAST,
            Work("max", 3, 2, "NHWC"),
            {"copy": 0.8, "torch": 1.5},
            _FRAMEWORKS,
        ),
        Row(
            "NHWC avg 2/2",
            LAST,
            Work("avg", 2, 2, "NHWC"),
            {"copy": 0.8, "torch": 1.5},
            _FRAMEWORKS,
        ),
    ],
    "large": [
        Row(f"{op} {size}/1", PLANE, Work(op, size, 1, "HW"), {"OpenCV": 1.0 * (size > 3)})
        for op in ("max", "avg")
        for size in (3, 31, 101)
    ],
    "layers": [
        _layer("ResNet stem: 64×112×112, max 3/2 p1", (1, 64, 112, 112), "max", 3, 2, 1),
        _layer("VGG: 64×224×224, max 2/2", (1, 64, 224, 224), "max", 2, 2, 0),
        _layer("VGG: 512×14×14, max 2/2", (1, 512, 14, 14), "max", 2, 2, 0),
        _layer("Inception: 192×35×35, max 3/2", (1, 192, 35, 35), "max", 3, 2, 0),
        _layer("Inception: 192×35×35, avg 3/1 p1", (1, 192, 35, 35), "avg", 3, 1, 1),
        _layer("Inception: 480×28×28, max 3/1 p1", (1, 480, 28, 28), "max", 3, 1, 1),
        _layer("DenseNet: 8 × 256×28×28, avg 2/2", (8, 256, 28, 28), "avg", 2, 2, 0),
        Row(
            *("ResNet: 8 × 2048×7×7, global avg", numbers(8, 2048, 7, 7)),
            *(Work("avg", kind="global"), {"onnxruntime": 1.2}, ("onnxruntime", "torch")),
        ),
    ],
    "pictures": [
        *(
            Row(f"avg {n}", PHOTO, Work("avg", n, layout="HWC", options=ROUND), {"OpenCV": 1})
            for n in (2, 3, 4)
        ),
        Row("max 2", PHOTO, Work("max", 2, layout="HWC"), {"copy": 0.5}),
    ],
    "ranks": [
        *(
            Row(
                f"median {size}/1 {dtype}",
                numbers(1024, 1024, dtype=dtype),
                Work("median", size, 1, "HW"),
                {"OpenCV": 1 if size < 15 else 0.5},
            )
            for dtype in ("float32", "uint8")
            for size in (3, 5, 15)
            if size < 15 or dtype == "uint8"
        ),
        Row(
            "median 8/8 float32", numbers(1024, 1024), Work("median", 8, layout="HW"), {"NumPy": 5}
        ),
        *(
            Row(f"median {size}/1 float32", numbers(1024, 1024), Work("median", size, 1, "HW"))
            for size in (31, 61)
        ),
    ],
    "labels": [
        Row(
            *("mode 2×2×2 uint64", labels(128, 256, 256, dtype="uint64")),
            *(Work("mode", 2, layout="DHW"), {"tinybrain": 1}),
        ),
        Row(
            *("mode 2×2 uint8", labels(4096, 4096, dtype="uint8")),
            *(Work("mode", 2, layout="HW"), {"tinybrain": 1}),
        ),
    ],
    "whole": [
        *(
            Row(f"global {op}", BIG, Work(op, kind="global"), {"torch": 0.9})
            for op in ("avg", "max")
        ),
        *(
            Row(
                *(f"adaptive {op} {n}", BIG, Work(op, n, kind="adaptive")),
                {"torch": 2} | ({"copy": 0.5} if n > 7 else {}),
            )
            for op in ("avg", "max")
            for n in (7, 1500)
        ),
    ],
    "types": [
        Row(
            f"{op} {size}/{stride} {dtype}",
            numbers(1, 16, 1024, 1024, dtype=dtype),
            work,
            {"copy": n},
            ("copy",),
        )
        for dtype in ("float16", "float64", "uint8", "uint16", "int32")
        for op, size, stride, n in (("max", 2, 2, 0.6), ("max", 3, 1, 0.5), ("avg", 2, 2, 0.4))
        for work in [Work(op, size, stride)]
    ],
    "ops": [
        Row(f"{op} {size}", numbers(1, 16, 600, 600), Work(op, size), {"NumPy": 2})
        for op, size in (("max", 2), ("min", 4), ("avg", 5), ("std", 5), ("var", 3), ("range", 2))
    ]
    + [
        Row(
            *("sum 4×1 int16", numbers(1, 16, 600, 600, dtype="int16"), Work("sum", (4, 1))),
            {"NumPy": 2},
        )
    ]
    + [
        Row(f"{op} 2", numbers(1, 16, 600, 600), Work(op, 2, options=options))
        for op, options in (
            *(
                ("soft", {}),
                ("lse", {}),
                ("gem", {"p": 3}),
                ("lp", {"norm": 2}),
                ("lp", {"norm": 3}),
            ),
            ("stochastic", {"negatives": "shift"}),
        )
    ],
    "small": [
        _small(side, work, f"200 × 1×3×{side}×{side}, {title}")
        for side in (4, 32)
        for title, work in (
            ("max 2", Work("max", 2)),
            ("avg 3/2 p1", Work("avg", 3, 2, padding=1)),
            ("global avg", Work("avg", kind="global")),
        )
    ],
}


def cases(subject: str) -> Iterator[Case]:
    """Every row of a subject; an array is made when its row comes."""
    for row in ROWS[subject]:
        x = row.array()
        exact = x.dtype.kind != "f" or row.work.op in ("max", "min", "median", "range", "mode")
        ways = []
        for name in row.peers:
            doing = PEERS[name](x, row.work)
            if doing is not None:
                ways.append(_way(name, doing.run, x, row.calls, doing.answer, doing.look))
        ways.insert(0, _way("poolcli", row.work.ours(x), x, row.calls))
        targets = [Target(name, least=times) for name, times in row.least.items() if times]
        yield Case(row.title, ways, targets, 1e-7 if exact else FLOAT_ERROR)


def _way(
    name: str,
    run: Callable[[], Any],
    x: Array,
    calls: int,
    answer: str | None = "result",
    look: Callable[[Any], Any] = lambda result: result,
) -> Way:
    if calls == 1:
        return Way(name, run, x.nbytes, answer, look=look)

    def often() -> Any:
        for _ in range(calls - 1):
            run()
        return run()

    return Way(name, often, calls * x.nbytes, answer, look=look)
