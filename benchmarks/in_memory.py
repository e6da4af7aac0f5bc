"""Arrays in memory: windows, number types, pictures, medians, and windows that cover everything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.timing import Case, Target, Way
from poolcli import adaptive_pool, global_pool, pool
from tests.elsewhere import Run, prepare
from tests.elsewhere.opencv import use_threads

THREADS = 2
NODES = {"max": "MaxPool", "avg": "AveragePool"}
# A float32 average of up to 961 cells, relative to the largest of them.
FLOAT_ERROR = 1e-6

# Op, size and stride of the cases of ``windows``, and how fast they should be beside whom.
CASES: dict[tuple[str, int, int], dict[str, float]] = {
    ("max", 2, 2): {"np.copyto": 0.6, "onnxruntime": 2, "torch": 8},
    ("avg", 2, 2): {"np.copyto": 0.6, "onnxruntime": 2, "torch": 4},
    ("max", 3, 2): {"onnxruntime": 1.5},
    ("max", 3, 1): {"onnxruntime": 2, "torch": 12},
    ("avg", 3, 1): {},
}


def features(channels: int, side: int, dtype: str = "float32") -> np.ndarray:
    """1×C×H×W numbers, the same on every machine."""
    rng = np.random.default_rng(5)
    shape = (1, channels, side, side)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape, np.float32).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype)


def copying(x: np.ndarray) -> Way:
    """What everything is compared with: copying the input."""
    return Way("np.copyto", partial(np.copyto, np.zeros_like(x), x), x.nbytes, answer=None)


def pooling(x: np.ndarray, op: str, size: int, *, name: str = "poolcli", **options: Any) -> Way:
    """The library's ``pool`` into an array that is there already."""
    options = {"layout": "NCHW", "threads": THREADS} | options
    out = np.zeros_like(pool(x, op, size, **options))
    run = partial(pool, x, op, size, out=out, **options)
    return Way(name, run, x.nbytes)


def torch(x: np.ndarray, op: str, size: int, stride: int) -> Run:
    """PyTorch's windows."""
    args = {"kernel_size": size, "stride": stride}
    return prepare("torch", f"{op}_pool2d", x, args, THREADS)


def torch_adaptive(x: np.ndarray, op: str, size: int) -> Run:
    """PyTorch's adaptive windows."""
    return prepare("torch", f"adaptive_{op}_pool2d", x, {"output_size": size}, THREADS)


def onnxruntime(x: np.ndarray, op: str, size: int, stride: int) -> Run:
    """onnxruntime's windows."""
    args = {"kernel_shape": [size, size], "strides": [stride, stride]}
    return prepare("onnxruntime", NODES[op], x, args, THREADS)


def slices(x: np.ndarray, op: str, size: int, stride: int, first: int = 2) -> Run:
    """What people write with NumPy; spatial axes from ``first`` on."""
    args = {"op": op, "size": size, "stride": stride, "first": first}
    return prepare("numpy", "slices", x, args)


def blocks(x: np.ndarray, op: str, size: tuple[int, ...]) -> Run:
    """scikit-image's windows."""
    args = {"block_size": size, "func": {"max": "max", "avg": "mean"}[op]}
    return prepare("skimage", "block_reduce", x, args)


def windows(quick: bool) -> Iterator[Case]:
    """float32 1×16×2048×2048 (quick: 1×4×1024×1024) against every library that pools."""
    x = features(4, 1024) if quick else features(16, 2048)
    for (op, size, stride), least in CASES.items():
        ways = [
            copying(x),
            pooling(x, op, size, stride=stride),
            Way(
                "poolcli, new array",
                partial(pool, x, op, size, stride=stride, layout="NCHW", threads=THREADS),
                x.nbytes,
            ),
            Way("onnxruntime", onnxruntime(x, op, size, stride), x.nbytes),
            Way("torch", torch(x, op, size, stride), x.nbytes),
            Way("NumPy slices", slices(x, op, size, stride), x.nbytes),
        ]
        if size == stride:
            ways.append(Way("scikit-image", blocks(x, op, (1, 1, size, size)), x.nbytes))
        yield Case(
            f"{op} {size}×{size}/{stride}",
            ways,
            [Target(to, least=times) for to, times in least.items()],
            FLOAT_ERROR if op == "avg" else 0,
        )


def large_windows(quick: bool) -> Iterator[Case]:
    """31×31 beside 3×3, of the same array."""
    x = features(4, 1024) if quick else features(16, 2048)
    yield Case(
        "31×31/1 beside 3×3/1",
        [
            copying(x),
            _alone(x, "max", 3, "max 3×3/1"),
            _alone(x, "max", 31, "max 31×31/1"),
            _alone(x, "avg", 3, "avg 3×3/1"),
            _alone(x, "avg", 31, "avg 31×31/1"),
        ],
        [
            Target("max 3×3/1", most=3, of="max 31×31/1"),
            Target("avg 3×3/1", most=3, of="avg 31×31/1"),
        ],
    )


def _alone(x: np.ndarray, op: str, size: int, name: str) -> Way:
    """One of poolcli's own ways; it has no peer to agree with here."""
    way = pooling(x, op, size, stride=1, name=name)
    return Way(name, way.run, x.nbytes, answer=None)


def number_types(quick: bool) -> Iterator[Case]:
    """The same array in other number types, beside float32."""
    channels, side = (4, 1024) if quick else (16, 2048)
    for op, size, stride in (("max", 2, 2), ("max", 3, 1), ("avg", 2, 2)):
        ways = []
        for dtype in ("float32", "float16", "float64", "uint8", "uint16", "int32"):
            x = features(channels, side, dtype)
            way = pooling(x, op, size, stride=stride, name=dtype)
            ways.append(Way(dtype, way.run, x.nbytes, answer=None))
        targets = []
        if op == "max":
            targets = [
                Target("float32", most=3, of="float16"),
                *(Target("float32", least=0.5, of=d, per_byte=True) for d in ("uint8", "uint16")),
            ]
        yield Case(f"{op} {size}×{size}/{stride}", ways, targets)


def pictures(quick: bool) -> Iterator[Case]:
    """A photograph of 4096×6000 RGB (quick: 1024×1500)."""
    height, width = (1024, 1500) if quick else (4096, 6000)
    rng = np.random.default_rng(6)
    photo = rng.integers(0, 256, (height, width, 3), np.uint8)
    rounded = {"dtype": "uint8", "fit": "round", "layout": "HWC"}
    area = prepare("opencv", "INTER_AREA", photo, {"factor": 2})
    one, many = use_threads(1), use_threads(-1)
    average = pooling(photo, "avg", 2, **rounded)
    half_up = _half_up(photo)
    if np.abs(np.asarray(average.run()).astype(int) - half_up).max() > 1:
        raise AssertionError("an average of bytes is more than a rounding away")
    ways = [
        copying(photo),
        Way("poolcli avg", average.run, photo.nbytes, answer=None),
        Way(
            "poolcli avg, 1 thread",
            pooling(photo, "avg", 2, **rounded | {"threads": 1}).run,
            photo.nbytes,
            answer=None,
        ),
        Way("poolcli max", pooling(photo, "max", 2, layout="HWC").run, photo.nbytes, "max"),
        Way(
            "Pillow reduce",
            prepare("pillow", "reduce", photo, {"factor": 2}),
            photo.nbytes,
            "half up",
        ),
        Way("OpenCV INTER_AREA, 1 thread", area, photo.nbytes, "half up", before=one, after=many),
        Way("OpenCV INTER_AREA", area, photo.nbytes, "half up"),
        Way("NumPy slices, max", slices(photo, "max", 2, 2, first=0), photo.nbytes, "max"),
        Way(
            "scikit-image, max",
            blocks(photo, "max", (2, 2, 1)),
            photo.nbytes,
            "max",
        ),
    ]
    targets = [
        Target("Pillow reduce", least=1.2, of="poolcli avg"),
        Target("poolcli avg", least=1.0, of="poolcli max"),
    ]
    yield Case("2×2/2", ways, targets)


def _half_up(photo: np.ndarray) -> np.ndarray:
    total = sum(photo[i::2, j::2].astype(int) for i in (0, 1) for j in (0, 1))
    return (np.asarray(total) + 2) // 4


def medians(quick: bool) -> Iterator[Case]:
    """One plane of 2048×2048 float32 (quick: 512×512)."""
    x = features(1, 512 if quick else 2048)[0, 0]
    for size, stride, least in ((3, 1, 15), (5, 2, 5)):
        by_size = {"size": size, "stride": stride}
        unfolded = {"kernel_size": size, "stride": stride}
        ways = [
            copying(x),
            pooling(x, "median", size, stride=stride, layout="HW"),
            Way("scipy.ndimage", prepare("scipy", "median_filter", x, by_size), x.nbytes),
            Way("OpenCV medianBlur", prepare("opencv", "medianBlur", x, by_size), x.nbytes),
            Way("torch unfold", prepare("torch", "unfold", x, unfolded, THREADS), x.nbytes),
        ]
        targets = [Target("scipy.ndimage", least=least)]
        yield Case(f"median {size}×{size}/{stride}", ways, targets)


def whole(quick: bool) -> Iterator[Case]:
    """Adaptive and global windows of the same array as ``windows``."""
    x = features(4, 1024) if quick else features(16, 2048)
    options = {"layout": "NCHW", "threads": THREADS}
    side = x.shape[2]
    one_pass = Way(
        "np.add.reduce", partial(np.add.reduce, x.reshape(-1, side * side), axis=1), x.nbytes, None
    )
    for op in ("avg", "max"):
        ways = [
            copying(x),
            one_pass,
            Way("poolcli", partial(global_pool, x, op, **options), x.nbytes),
            Way(
                "onnxruntime",
                prepare("onnxruntime", f"Global{NODES[op]}", x, {}, THREADS),
                x.nbytes,
            ),
            Way("torch", torch_adaptive(x, op, 1), x.nbytes),
        ]
        # Another order of adding four million numbers, in float32.
        yield Case(f"global {op}", ways, [Target("np.add.reduce", least=1)], 1e-5 * (op == "avg"))
        for size, reference in ((7, "np.add.reduce"), (side * 1500 // 2048, "np.copyto")):
            out = np.zeros_like(adaptive_pool(x, op, size, **options))
            ways = [
                copying(x),
                one_pass,
                Way("poolcli", partial(adaptive_pool, x, op, size, out=out, **options), x.nbytes),
                Way("torch", torch_adaptive(x, op, size), x.nbytes),
            ]
            title = f"adaptive {op} {side}→{size}"
            yield Case(title, ways, [Target(reference, least=1)], 1e-5 * (op == "avg"))
