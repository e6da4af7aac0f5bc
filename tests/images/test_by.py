"""--by: the pixel whose key wins gives all its channels, against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolcli.geometry import Global, Sliding
from poolcli.images.options import ImageOptions
from poolcli.request import Request
from tests.helpers.images import Run, done, noise, pixels

OPS = ("max", "min", "median")
CHANNELS = {"R": 0, "g": 1, "B": 2, "A": 3, "0": 0, "2": 2}


def key(pixel: list[int], by: str) -> int:
    if by == "luma":
        return 2126 * pixel[0] + 7152 * pixel[1] + 722 * pixel[2]
    return pixel[CHANNELS[by]]


def naive(array: np.ndarray, op: str, by: str, size: int, stride: int) -> np.ndarray:
    height, width = ((n - size) // stride + 1 for n in array.shape[:2])
    result = np.empty((height, width, array.shape[2]), array.dtype)
    for y, x in np.ndindex(height, width):
        window = array[y * stride : y * stride + size, x * stride : x * stride + size]
        cells = window.reshape(-1, array.shape[2]).tolist()
        if array.shape[2] == 4 and by != "A":  # what nobody sees wins only where all are such
            cells = [cell for cell in cells if cell[3]] or cells
        keys = [key(cell, by) for cell in cells]
        # The lower middle is a value that is there; of equal ones the first cell is taken.
        wanted = {"max": max(keys), "min": min(keys), "median": sorted(keys)[(len(keys) - 1) // 2]}
        result[y, x] = cells[keys.index(wanted[op])]
    return result


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(
    ("by", "channels"),
    [("luma", 3), ("luma", 4), ("R", 3), ("g", 4), ("B", 3), ("A", 4), ("0", 3), ("2", 7)],
)
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 1)])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_against_loops(op: str, by: str, channels: int, size: int, stride: int, dtype: str) -> None:
    array = noise(11, 13, channels, dtype=dtype)
    array[:6] //= np.iinfo(dtype).max // 4  # many ties
    request = Request(op, Sliding(size, stride=stride), dtype=array.dtype)
    got = ImageOptions(by=by).pool(
        request.plan(array.shape, array.dtype), array, alpha=channels == 4
    )
    expected = naive(array, op, by, size, stride)
    if by == "luma" or op != "median":
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("layout", ["HWC", "CHW", "NHWC", "NCHW", "NDHWC"])
@pytest.mark.parametrize("keepdims", [True, False])
def test_any_layout(layout: str, keepdims: bool) -> None:
    sizes = {"N": 2, "D": 2, "H": 4, "W": 6, "C": 3}
    array = noise(*(sizes[letter] for letter in layout))
    request = Request("max", Global(), layout=layout, keepdims=keepdims)
    got = ImageOptions(by="1").pool(request.plan(array.shape, array.dtype), array, alpha=False)
    frames = array if "N" in layout else array[np.newaxis]
    letters = layout if "N" in layout else "N" + layout
    ordered = frames.transpose([letters.index(c) for c in ("NDHWC" if "D" in layout else "NHWC")])
    flat = ordered.reshape(len(frames), -1, 3)
    expected = np.stack([frame[frame[:, 1].argmax()] for frame in flat])
    np.testing.assert_array_equal(got.reshape(-1, 3), expected)
    assert got.shape == request.plan(array.shape, array.dtype).output_shape


def test_no_colour_is_new(tmp_path: Path, poolcli: Run) -> None:
    array = noise(30, 30, 3)
    Image.fromarray(array).save(tmp_path / "a.png")
    for op in OPS:
        done(poolcli(op, "-k", "3", "a.png", "--by", "luma", "-o", f"{op}.png"))
        before = {tuple(pixel) for pixel in array.reshape(-1, 3).tolist()}
        after = {tuple(pixel) for pixel in pixels(tmp_path / f"{op}.png").reshape(-1, 3).tolist()}
        assert after <= before
    done(poolcli("max", "-k", "3", "a.png", "-o", "separate.png"))
    mixed = {tuple(p) for p in pixels(tmp_path / "separate.png").reshape(-1, 3).tolist()}
    assert not mixed <= before  # as each channel by itself would


def test_padding_never_wins_and_nan_does() -> None:
    array = noise(4, 4, 3).astype(np.float32)
    array[1, 2] = (np.nan, 5, 6)
    request = Request("max", Sliding(3, stride=2, padding=1))
    got = ImageOptions(by="R").pool(request.plan(array.shape, array.dtype), array, alpha=False)
    np.testing.assert_array_equal(got[0, 1], array[1, 2])
    skip = Request("max", Sliding(2), nan="skip")
    array[:2, :2] = np.nan
    got = ImageOptions(by="R").pool(skip.plan(array.shape, array.dtype), array, alpha=False)
    assert np.isnan(got[0, 0]).all()
    assert not np.isnan(got[0, 1]).any()


def test_grey_is_its_own_luma(tmp_path: Path, poolcli: Run) -> None:
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.png")
    done(poolcli("max", "-k", "2", "a.png", "-o", "plain.png"))
    done(poolcli("max", "-k", "2", "a.png", "-o", "luma.png", "--by", "luma"))
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "luma.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["avg", "--by", "luma"], 2, "No such option: --by"),
        (["max", "--by", "hue"], 2, "--by 'hue': must be luma, R, G, B, A or the number"),
        (["max", "--by", "A"], 1, "a.png: --by A: this has 3 channels; use --by 0 to 2"),
        (["max", "--by", "7"], 1, "a.png: --by 7: this has 3 channels"),
        (["median", "--by", "R", "--method", "lower"], 2, "--method is between two"),
        (["max", "--by", "R", "--nodata", "0"], 2, "--nodata is a value of one channel"),
    ],
)
def test_what_is_no_key(
    arguments: list[str], code: int, message: str, tmp_path: Path, poolcli: Run
) -> None:
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "a.png")
    outcome = poolcli(*arguments, "-k", "2", "a.png")
    assert outcome.code == code, outcome.err
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
