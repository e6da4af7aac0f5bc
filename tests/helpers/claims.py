"""What is often said of pooling, measured: each function gives figures of docs/tutorial.md.

``python -m tests.helpers.claims`` prints them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import adaptive_pool, chain, global_pool, output_shape, pool
from poolcli.analysis.compare import Measurement, compare, data_range
from poolcli.analysis.network import parse_network
from poolcli.analysis.quality import as_planes, psnr, put_back
from poolcli.analysis.shift import Shifted, shift_test
from poolcli.analysis.summary import rows
from poolcli.geometry import Sliding
from poolcli.request import Request

PHOTOGRAPHS = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass")
Array = NDArray[Any]


@cache
def photograph(name: str) -> Array:
    """Give one of scikit-image's photographs."""
    from skimage import data

    x: Array = getattr(data, name)()
    return x


def camera() -> Array:
    """Give the photograph of which most figures are, 512×512 grey."""
    return photograph("camera")


@cache
def relu_map() -> Array:
    """Give what a layer with a ReLU could make of the photograph: edges, and zeros between them."""
    x = camera().astype(float)
    edges: Array = np.maximum(0, x[1:, 1:] - x[:-1, :-1] - 8)
    return edges


def compared(x: Array, op: str, k: int = 2) -> Measurement:
    (row,) = compare(x, [Request(op, Sliding(k))])
    assert isinstance(row, Measurement)
    return row


def shifted(x: Array, op: str | None, k: int = 2, n: int = 1) -> Shifted:
    found = list(shift_test(x, [Request(op or "max", Sliding(k))], shifts=[n]))
    row = found[0 if op is None else 1]
    assert isinstance(row, Shifted)
    return row


def again(x: Array, op: str, k: int = 2) -> Array:
    """Give the outputs put back on the cells of their windows."""
    y = pool(x, op, k)
    windows = Sliding(k).resolve(["height", "width"], x.shape)
    return put_back(y[None], windows)[0]


def kept(x: Array, op: str, k: int = 2) -> float:
    """Give the ratio of signal to noise of the outputs put back, in decibels."""
    plan = Request(op, Sliding(k)).plan(x.shape, x.dtype)
    planes, outputs = as_planes(x.astype(float), plan.layout), as_planes(plan.run(x), plan.layout)
    return psnr(planes, put_back(outputs, plan.windows), data_range(x)) or 0.0


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def span(shares: list[float]) -> str:
    return f"{100 * min(shares):.0f}–{percent(max(shares))}"


def relative(a: Array, b: Array) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)) / a.std())


def output_size_formula() -> list[str]:
    settings = whole = right = 0
    for n, k, s in itertools.product(range(1, 33), range(1, 6), range(1, 5)):
        for p in range(k // 2 + 1):
            if k > n + 2 * p:
                continue
            settings += 1
            whole += (n - k + 2 * p) % s == 0
            right += output_shape((n,), k, stride=s, padding=p)[0] == (n - k + 2 * p) // s + 1
    assert right == settings
    return [f"{settings:,} settings", percent(whole / settings, 1)]


def fewer_parameters() -> list[str]:
    conv = "conv 3 p1 x128"
    *_, before = rows(parse_network(conv), (224, 224, 64))
    *_, after = rows(parse_network(f"max 2 | {conv}"), (224, 224, 64))
    assert before.weights == after.weights
    adds = [f"{row.multiply_adds / 1e9:.2f} G" for row in (before, after)]
    return [f"{before.weights:,}", *adds]


def global_instead_of_flatten() -> list[str]:
    *_, flat = rows(parse_network("flatten | dense 1000"), (7, 7, 512))
    *_, pooled = rows(parse_network("global avg | dense 1000"), (7, 7, 512))
    return [
        f"{flat.weights:,}",
        f"{pooled.weights:,}",
        f"{flat.weights / pooled.weights:.0f} times",
    ]


def global_takes_any_size() -> list[str]:
    shapes = {global_pool(np.ones((1, n, n, 16)), "avg").shape for n in (5, 50, 224)}
    return [str(shape) for shape in shapes]


def global_forgets_places() -> list[str]:
    x = camera().astype(np.int64)
    mixed = np.random.default_rng(0).permutation(x.ravel()).reshape(x.shape)
    same = [
        op for op in ("max", "avg", "sum", "std") if global_pool(x, op) == global_pool(mixed, op)
    ]
    return [", ".join(same)]


def global_is_one_window() -> list[str]:
    x = camera()
    assert (
        pool(x, "avg", x.shape).item() == global_pool(x, "avg") == adaptive_pool(x, "avg", 1).item()
    )
    return [f"{global_pool(x, 'avg'):.2f}"]


def most_outputs_stay() -> list[str]:
    def kept(op: str | None, k: int = 2, n: int = 1) -> list[float]:
        return [shifted(photograph(name), op, k, n).kept for name in PHOTOGRAPHS]

    return [span(kept("max")), span(kept(None)), span(kept("max", 8)), span(kept("max", 2, 2))]


def noise_stays() -> list[str]:
    x = np.random.default_rng(0).random((512, 4096))
    return [percent(shifted(x, "max", k).kept) for k in (2, 3, 4, 8)]


def max_gives_invariance() -> list[str]:
    changes = [shifted(camera(), op).relative for op in (None, "max", "avg")]
    better = sum(
        (shifted(photograph(name), "avg").relative or 0)
        < (shifted(photograph(name), "max").relative or 0)
        for name in PHOTOGRAPHS
    )
    return [*(f"{change:.2f}" for change in changes), f"{better} of 7"]


def rotations() -> list[str]:
    from skimage.transform import rotate

    x = camera().astype(float)
    turned = rotate(x, 2, order=1, preserve_range=True)
    inside = (slice(64, -64),) * 2
    a, b = x[inside], turned[inside]
    found = [relative(a, b)]
    found += [relative(pool(a, op, 2), pool(b, op, 2)) for op in ("max", "avg")]
    return [f"{change:.2f}" for change in found]


def outputs_are_values() -> list[str]:
    def share(op: str) -> float:
        x = camera()
        y = pool(x, op, 2)
        blocks = x.reshape(256, 2, 256, 2).transpose(0, 2, 1, 3).reshape(256, 256, 4)
        return float((blocks == y[..., None]).any(axis=-1).mean())

    whole = [op for op in ("max", "min", "subsample", "stochastic") if share(op) == 1]
    return [", ".join(whole), *(percent(share(op)) for op in ("avg", "median"))]


def sharper() -> list[str]:
    from skimage.filters import sobel
    from skimage.transform import resize

    x = camera() / 255
    small = [pool(x, op, 2) for op in ("max", "avg", "subsample")]
    pictures = [x, *(resize(y, x.shape, order=1) for y in small)]
    return [f"{sobel(picture).mean():.3f}" for picture in pictures]


def smoother() -> list[str]:
    def variation(x: Array) -> float:
        return float(np.abs(np.diff(x, axis=0)).sum() + np.abs(np.diff(x, axis=1)).sum())

    x = camera().astype(float)
    ops = ("avg", "median", "max", "subsample")
    return [f"{variation(again(x, op)) / variation(x):.2f}" for op in ops]


def strongest_are_kept() -> list[str]:
    ops = ("max", "subsample", "median", "avg")
    return [percent(compared(camera(), op).peaks or 0) for op in ops]


def cells_that_come_through() -> list[str]:
    def share(k: int, stride: int) -> float:
        _, where = pool(camera(), "max", k, stride=stride, return_indices=True)
        return len(np.unique(where)) / camera().size

    return [percent(share(2, 2)), percent(share(3, 1))]


def small_changes_are_ignored() -> list[str]:
    rng = np.random.default_rng(0)
    x = camera().astype(float)
    _, where = pool(x, "max", 2, return_indices=True)
    lower = x - rng.random(x.shape) * 10
    lower.flat[where.ravel()] = x.flat[where.ravel()]
    return [f"{np.abs(pool(lower, 'max', 2) - pool(x, 'max', 2)).max():.0f}"]


def noise() -> list[str]:
    found = [compared(camera(), op) for op in ("max", "median", "avg")]
    return [*(f"{row.noise:.2f}" for row in found), f"+{found[0].noise_bias:.2f}"]


def one_outlier() -> list[str]:
    x = np.array([[10.0, 12], [14, 16]])
    changes = []
    for op in ("max", "avg", "median"):
        raised = x.copy()
        raised[1, 1] += 1000
        changes.append(f"+{(pool(raised, op, 2) - pool(x, op, 2)).item():g}")
    return changes


def salt() -> list[str]:
    rng = np.random.default_rng(0)
    x = camera().astype(float)
    hit = rng.random(x.shape) < 0.01
    errors = []
    for value in (255, 0):
        spoilt = np.where(hit, value, x)
        for op in ("max", "avg", "median"):
            change = pool(spoilt, op, 2) - pool(x, op, 2)
            errors.append(f"{np.sqrt(np.mean(change**2)):.1f}")
    return errors


def least_lost() -> list[str]:
    ops = ("avg", "median", "subsample", "max")
    found = {name: [kept(photograph(name), op) for op in ops] for name in PHOTOGRAPHS}
    best = sum(of_avg == max(of_avg, *others) for of_avg, *others in found.values())
    return [*(f"{decibels:.1f}" for decibels in found["camera"]), f"{best} of 7"]


def distinct_outputs() -> list[str]:
    return [f"{len(np.unique(pool(camera(), op, 2))):,}" for op in ("max", "avg")]


def larger_windows() -> list[str]:
    return [f"{kept(camera(), op, k):.1f}" for op in ("max", "avg") for k in (2, 4, 8, 16)]


def stacked() -> list[str]:
    x = camera().astype(float)
    ops = ("max", "min", "avg", "sum", "median", "std")
    same = [op for op in ops if np.array_equal(chain(x, f"{op} 2 | {op} 2"), pool(x, op, 4))]
    assert np.array_equal(chain(x, "max 3/2 | max 3/2"), pool(x, "max", 7, stride=4))
    return [", ".join(same)]


def shapes_grow() -> list[str]:
    from skimage.data import binary_blobs

    x = binary_blobs(512, 0.1, volume_fraction=0.3, rng=0).astype(float)
    found = []
    for op, k in (("max", 2), ("max", 8), ("avg", 8)):
        mask = again(x, op, k) > 0.5
        overlap = (mask & (x > 0)).sum() / (mask | (x > 0)).sum()
        found += [f"{mask.sum() / x.sum():.2f}", f"{overlap:.2f}"]
    return found


def best_filters() -> list[str]:
    x = camera().astype(float)
    blocks = x.reshape(256, 2, 256, 2).transpose(0, 2, 1, 3).reshape(-1, 4)
    u, s, v = np.linalg.svd(blocks, full_matrices=False)
    first = v[0] / v[0].sum()
    found = [", ".join(f"{weight:.2f}" for weight in first)]
    for channels in (1, 2, 3):
        rebuilt = (u[:, :channels] * s[:channels]) @ v[:channels]
        found.append(f"{psnr(blocks, rebuilt, 255.0):.1f}")
    return found


def aliasing() -> list[str]:
    wave = np.sin(2 * np.pi * 0.4 * np.arange(4096))
    ops = (("subsample", 2), ("max", 2), ("avg", 2), ("blur", 3))
    return [f"{pool(wave, op, k, stride=2)[8:-8].std() / wave.std():.2f}" for op, k in ops]


def sums_grow() -> list[str]:
    sums = pool(camera(), "sum", 2)
    assert pool(np.full((2, 2), 255, np.uint8), "sum", 2).item() == 1020
    return ["1020", percent(float((sums > 255).mean()))]


def sum_of_sparse_maps() -> list[str]:
    x = relu_map()
    active = pool((x > 0).astype(int), "sum", 8).ravel()
    found = [np.corrcoef(active, pool(x, op, 8).ravel())[0, 1] for op in ("sum", "avg", "max")]
    return [percent(float((x == 0).mean())), *(f"{value:.2f}" for value in found)]


def draws() -> list[str]:
    x = camera().astype(float)
    drawn = [pool(x, "stochastic", 2, seed=seed) for seed in range(200)]
    expected = pool(x, "stochastic", 2, mode="expected")
    inside = (pool(x, "avg", 2) <= expected + 1e-9) & (expected <= pool(x, "max", 2) + 1e-9)
    assert inside.all()
    largest = np.mean(drawn[0] == pool(x, "max", 2))
    return [f"{np.mean(drawn):.2f}", f"{expected.mean():.2f}", percent(float(largest))]


CLAIMS: dict[str, Callable[[], list[str]]] = {
    name: function
    for name, function in list(globals().items())
    if callable(function) and getattr(function, "__annotations__", {}).get("return") == "list[str]"
}

if __name__ == "__main__":
    for name, function in CLAIMS.items():
        print(name, function())
