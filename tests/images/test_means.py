"""Means of colours: weighted by alpha, and of light, against the formulas cell by cell."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolcli.geometry import Global, Sliding
from poolcli.images import colour
from poolcli.images.options import ImageOptions
from poolcli.ops import OPS
from poolcli.request import Request
from tests.helpers.images import Run, done, noise, opened, pixels


def pool(array: np.ndarray, op: str, size: int = 2, **how: object) -> np.ndarray:
    """Pool a picture whose last channel is alpha where there are 2 or 4."""
    linear = bool(how.pop("linear", False))
    geometry = how.pop("geometry", Sliding(size))
    kind = array.dtype if array.dtype.kind != "f" else None
    request = Request(op, geometry, dtype=kind, fit="round", **how)  # type: ignore[arg-type]
    layout = "HWC" if array.ndim == 3 else "HW"
    plan = request.plan(array.shape, array.dtype, layout)
    alpha = array.ndim == 3 and array.shape[2] in (2, 4)
    return ImageOptions(linear).pool(plan, array, alpha=alpha)


def half_even(value: Fraction) -> int:
    return round(value)


def almost_half(size: int, dtype: str, whole: int, twice: int) -> np.ndarray:
    """Give a window whose mean is ``whole`` and a half, and ``twice`` / 2 of its total weight."""
    peak = int(np.iinfo(dtype).max)
    colours, alpha = np.full(size * size, whole), np.full(size * size, peak)
    colours[1::2] += 1
    if size % 2:
        alpha[0] = 0
    alpha[3] -= 2 + twice % 2  # of one more, and
    alpha[4] -= 2 + twice % 2 + twice  # of one less: the totals differ by what was asked for
    pixels = np.stack([colours, alpha], axis=-1).astype(dtype)
    return pixels.reshape(size, size, 2)


@pytest.mark.parametrize("twice", [-1, 0, 1])
@pytest.mark.parametrize("whole", [0, 1, 200])
@pytest.mark.parametrize("size", [4, 35, 150, 401])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_a_mean_just_beside_a_half_is_none(dtype: str, size: int, whole: int, twice: int) -> None:
    array = almost_half(size, dtype, whole, twice)
    values, weights = (array[..., n].ravel().astype(object) for n in (0, 1))
    total = int(weights.sum())
    mean = Fraction(int((values * weights).sum()), total)
    assert mean - whole - Fraction(1, 2) == Fraction(twice, 2 * total)
    assert pool(array, "avg", size)[0, 0, 0] == half_even(mean)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("channels", [2, 4])
def test_global_averages_are_weighted_by_alpha(channels: int, linear: bool, keepdims: bool) -> None:
    array = noise(15, 15, channels)
    got = pool(array, "avg", geometry=Global(), linear=linear, keepdims=keepdims)
    np.testing.assert_array_equal(got.ravel(), pool(array, "avg", 15, linear=linear).ravel())


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_averages_are_weighted_by_alpha(dtype: str, channels: int, size: int) -> None:
    array = noise(15, 15, channels, dtype=dtype)
    array[:5, :, -1] = np.iinfo(dtype).max  # opaque
    array[5:10, :, -1] = np.random.default_rng(1).choice([0, np.iinfo(dtype).max], (5, 15))
    array[10:, :6, -1] = 0
    got = pool(array, "avg", size)
    for y, x in np.ndindex(15 // size, 15 // size):
        cells = array[y * size : y * size + size, x * size : x * size + size].reshape(-1, channels)
        weights = [int(cell[-1]) for cell in cells]
        total = sum(weights)
        for channel in range(channels - 1):
            values = [int(cell[channel]) for cell in cells]
            mean = Fraction(sum(v * w for v, w in zip(values, weights, strict=True)), total or 1)
            assert got[y, x, channel] == half_even(mean), (y, x, channel)
        assert got[y, x, -1] == half_even(Fraction(total, len(cells)))


@pytest.mark.parametrize("op", [name for name, op in OPS.items() if op.averages])
@pytest.mark.parametrize("linear", [False, True])
def test_what_nobody_sees_does_not_bleed(op: str, linear: bool) -> None:
    array = np.zeros((8, 8, 4), np.uint8)
    array[...] = (40, 90, 140, 255)
    array[1::2, ::2] = (255, 0, 7, 0)
    got = pool(array, op, linear=linear).astype(int)
    # soft and lse are no means of weights alone, and may move a little.
    assert np.abs(got[1:-1, 1:-1, :3] - (40, 90, 140)).max() <= (3 if op == "lse" else 0)
    assert (got[..., 3] > 0).all()


@pytest.mark.parametrize("op", [name for name, op in OPS.items() if op.averages])
def test_opaque_pictures_are_pooled_like_those_without_alpha(op: str) -> None:
    array = noise(8, 8, 4)
    array[..., 3] = 255
    got = pool(array, op)
    np.testing.assert_array_equal(got[..., :3], pool(array[..., :3], op))
    assert (got[..., 3] == 255).all()


@pytest.mark.parametrize("op", ["max", "min", "median", "subsample"])
def test_what_picks_leaves_channels_alone(op: str) -> None:
    array = noise(8, 8, 4)
    array[..., 3] |= 1  # else some are seen by nobody: tests/images/test_alpha.py
    separate = [pool(array[..., channel], op) for channel in range(4)]
    np.testing.assert_array_equal(pool(array, op), np.stack(separate, -1))


def naive_light(code: int, peak: int) -> float:
    value = code / peak
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def naive_code(value: float, peak: int) -> int:
    coded = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(round(coded * peak, 9))  # a half is a half, whatever the last digit


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_averages_of_light(dtype: str, alpha: bool) -> None:
    peak = np.iinfo(dtype).max
    array = noise(12, 12, 4 if alpha else 3, dtype=dtype)
    array[:4] //= 40  # the straight part of the curve
    got = pool(array, "avg", 2, linear=True)
    for y, x in np.ndindex(6, 6):
        cells = array[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(4, -1).tolist()
        weights = [cell[3] if alpha else 1 for cell in cells]
        for channel in range(3):
            parts = [naive_light(c[channel], peak) * w for c, w in zip(cells, weights, strict=True)]
            mean = sum(parts) / sum(weights)
            assert got[y, x, channel] == naive_code(mean, peak), (y, x, channel)
        if alpha:  # which stands for no light
            assert got[y, x, 3] == half_even(Fraction(sum(weights), 4))


@pytest.mark.parametrize("peak", [255, 65535])
def test_every_code_comes_back(peak: int) -> None:
    codes = np.arange(peak + 1)
    there = colour.to_light(codes / peak) * peak
    np.testing.assert_array_equal(colour.nearest_codes(there, peak), codes)


@pytest.mark.parametrize("peak", [255, 65535])
def test_nearest_codes_are_what_rounding_gives(peak: int) -> None:
    values = np.random.default_rng(0).random(100_000) ** 3
    expected = np.rint(colour.from_light(values) * peak)
    np.testing.assert_array_equal(colour.nearest_codes(values * peak, peak), expected)


def test_black_and_white_average_to_187(tmp_path: Path, poolcli: Run) -> None:
    checks = np.indices((8, 8)).sum(0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(tmp_path / "a.png")
    done(poolcli("avg", "-k", "2", "a.png", "-o", "codes.png"))
    done(poolcli("avg", "-k", "2", "a.png", "-o", "light.png", "--linear"))
    assert set(pixels(tmp_path / "codes.png").flat) == {128}
    # Half the light of white: the code that a measured half-tone has, not half the code.
    assert set(pixels(tmp_path / "light.png").flat) == {188}


def test_a_palette_with_transparency_does_not_bleed(tmp_path: Path, poolcli: Run) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 210, 220])
    image.paste(1, (1, 0, 2, 4))
    image.save(tmp_path / "a.png", transparency=1)
    done(poolcli("avg", "-k", "2", "a.png", "-o", "b.png"))
    written = opened(tmp_path / "b.png")
    assert written.mode == "RGBA"
    assert written.getpixel((0, 0)) == (10, 20, 30, 128)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("linear", [False, True])
def test_the_bytes_do_not_depend_on_threads(threads: int, linear: bool) -> None:
    array = noise(1100, 1200, 4)
    got = pool(array, "avg", 3, linear=linear, threads=threads)
    np.testing.assert_array_equal(got[:50], pool(array[:150], "avg", 3, linear=linear))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["max", "-k", "2", "a.png", "--linear"], 2, "No such option: --linear"),
        (["avg", "-k", "2", "x.npy", "--linear"], 1, "x.npy: --linear is for pictures"),
        (["avg", "-k", "2", "f.tif", "--linear"], 1, "8 and 16 bits; this picture is float32"),
        (["avg", "-k", "2", "a.png", "--linear", "--nodata", "0"], 2, "--nodata is a value of"),
        (["pyramid", "avg", "--levels", "1", "a.png", "--linear"], 2, "No such option: --linear"),
    ],
)
def test_where_light_means_nothing(
    arguments: list[str], code: int, message: str, tmp_path: Path, poolcli: Run
) -> None:
    Image.fromarray(noise(4, 4)).save(tmp_path / "a.png")
    Image.fromarray(noise(4, 4).astype(np.float32)).save(tmp_path / "f.tif")
    np.save(tmp_path / "x.npy", noise(4, 4))
    outcome = poolcli(*arguments)
    assert outcome.code == code, outcome.err
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("shape", [(5, 6), (1, 1)])
def test_the_light_of_a_whole_grey_picture(shape: tuple[int, ...], keepdims: bool) -> None:
    array = noise(*shape, dtype="u1")
    got = pool(array, "avg", geometry=Global(), keepdims=keepdims, linear=True)
    light_of_all = [naive_light(code, 255) for code in array.flat]
    assert got.shape == ((1, 1) if keepdims else ())
    assert got == naive_code(sum(light_of_all) / array.size, 255)


def test_the_light_of_a_whole_grey_picture_in_a_file(poolcli: Run, tmp_path: Path) -> None:
    checks = np.indices((8, 8)).sum(0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(tmp_path / "a.png")
    outcome = poolcli("global", "avg", "a.png", "--linear", "--dtype", "uint8", "--clip")
    assert (outcome.code, outcome.text.splitlines()[-1]) == (0, "188"), outcome.err
