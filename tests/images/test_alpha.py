"""Pixels that nobody sees are as padding to what picks or compares, against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolcli import OPS
from poolcli.geometry import Global, Sliding
from poolcli.images.options import ImageOptions
from poolcli.request import Request
from tests.helpers.images import Run, done, noise, pixels
from tests.spec.pooling import naive_pool
from tests.spec.windows import sliding

PICKING = sorted(name for name, op in OPS.items() if not op.averages and name != "stochastic")
WINDOWS = [(2, 2, 0), (3, 2, 1), (4, 1, 0)]


def half_seen(*shape: int, dtype: str = "u1") -> np.ndarray:
    """Noise with pixels that nobody sees, whole windows of them, and white in their place."""
    array = noise(*shape, dtype=dtype) // 2 + 1
    unseen = np.random.default_rng(2).random(shape[:2]) < 0.5
    unseen[:4, :5] = True
    array[unseen] = np.iinfo(dtype).max
    array[unseen, -1] = 0
    return array


def naive(array: np.ndarray, op: str, size: int, stride: int, padding: int) -> np.ndarray:
    """Colours by windows of the cells that are seen, of all cells where none is."""
    geometry = sliding(size, stride=stride, padding=padding)
    unseen = array[..., -1] == 0
    planes = []
    for channel in range(array.shape[-1]):
        plane = array[..., channel].astype(np.int64)
        every = naive_pool(plane, op, geometry)
        marked = np.where(unseen, -1, plane) if channel < array.shape[-1] - 1 else plane
        among = naive_pool(marked, op, geometry, nodata=-1)
        none = naive_pool(np.where(unseen, 0, 1), "max", geometry) == 0
        planes.append(np.where(none, every, among))
    return np.stack(planes, -1)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
@pytest.mark.parametrize("op", PICKING)
def test_against_loops(op: str, size: int, stride: int, padding: int, channels: int, dtype: str):
    array = half_seen(11, 13, channels, dtype=dtype)
    plan = Request(op, Sliding(size, stride, padding)).plan(array.shape, array.dtype)
    got = ImageOptions().pool(plan, array, alpha=True)
    assert got.dtype == plan.output_dtype
    if op == "subsample":  # which takes the pixel that stands there
        np.testing.assert_array_equal(got, plan.run(array))
        return
    expected = naive(array, op, size, stride, padding)
    np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=1e-12)


@pytest.mark.parametrize("layout", ["HWC", "CHW", "NHWC"])
@pytest.mark.parametrize("keepdims", [True, False])
def test_any_layout_and_whole_pictures(layout: str, keepdims: bool) -> None:
    array = np.full((3, 4, 4), 9, np.uint8)
    array[..., 3] = 255
    array[1, 1] = (250, 0, 250, 0)
    order = [{"H": 0, "W": 1, "C": 2}[letter] for letter in layout if letter != "N"]
    turned = array.transpose(order)[None] if "N" in layout else array.transpose(order)
    for op, alpha in (("max", 255), ("min", 0)):
        request = Request(op, Global(), layout=layout, keepdims=keepdims)
        plan = request.plan(turned.shape, turned.dtype)
        got = ImageOptions().pool(plan, turned, alpha=True)
        assert got.shape == plan.output_shape
        assert got.ravel().tolist() == [9, 9, 9, alpha]


def test_nodata_leaves_channels_alone() -> None:
    array = half_seen(8, 8, 4)
    plan = Request("max", Sliding(2), nodata=3).plan(array.shape, array.dtype)
    np.testing.assert_array_equal(ImageOptions().pool(plan, array, alpha=True), plan.run(array))


@pytest.mark.parametrize("by", ["luma", "R", "2", "A"])
@pytest.mark.parametrize("op", ["max", "min", "median"])
def test_whole_pixels_are_taken_of_those_that_are_seen(op: str, by: str) -> None:
    array = half_seen(12, 12, 4)
    plan = Request(op, Sliding(3), dtype="uint8").plan(array.shape, array.dtype)
    got = ImageOptions(by=by).pool(plan, array, alpha=True)
    for y, x in np.ndindex(4, 4):
        cells = array[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].reshape(-1, 4)
        if by == "A":
            keys = sorted(cells[:, 3].tolist())
            wanted = {"max": keys[-1], "min": keys[0], "median": keys[4]}[op]
            assert got[y, x, 3] == wanted
        elif cells[:, 3].any():
            assert got[y, x, 3] > 0
            assert got[y, x].tolist() in cells.tolist()
        else:
            assert got[y, x].tolist() == [255, 255, 255, 0]


@pytest.mark.parametrize("extension", ["png", "tif", "webp"])
def test_no_white_fringe(tmp_path: Path, poolcli: Run, extension: str) -> None:
    array = np.full((8, 8, 4), (40, 90, 140, 255), np.uint8)
    array[1::2, ::3] = (255, 255, 255, 0)
    Image.fromarray(array).save(tmp_path / f"a.{extension}", **(
        {"lossless": True, "exact": True} if extension == "webp" else {}
    ))  # fmt: skip
    for options in (("max", "-k", "2"), ("max", "-k", "2", "--by", "luma"), ("median", "-k", "2")):
        done(poolcli(*options, f"a.{extension}", "-o", "b.png", "--overwrite"))
        seen = pixels(tmp_path / "b.png")
        assert (seen[..., :3] == (40, 90, 140)).all(), options
        assert (seen[..., 3] == 255).all()
