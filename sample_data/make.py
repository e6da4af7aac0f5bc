"""Make the files in this folder again, from formulas alone: ``python sample_data/make.py``.

Nothing here is random and nothing is downloaded. Values are rounded well above the last bit,
so that another processor's sine gives the same files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_4X4 = [[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]]
SUM_4X4 = [[2, 3, 1, 4], [1, 7, 0, 2], [9, 6, 3, 4], [2, 8, 1, 7]]

# The head phantom of L. A. Shepp and B. F. Logan, "The Fourier reconstruction of a head section",
# IEEE Transactions on Nuclear Science NS-21 (1974), 21-43: ten ellipses. The intensities are those
# of P. Toft, "The Radon Transform: Theory and Implementation" (PhD thesis, Technical University of
# Denmark, 1996), Table B.3, whose contrast the eye can see.
# intensity, half axis along x, half axis along y, centre x, centre y, rotation in degrees
SHEPP_LOGAN = [
    (1.0, 0.69, 0.92, 0.0, 0.0, 0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0),
]

# 3x3 filters; each is also used with its sign turned, except the last two.
FILTERS = {
    "edge across": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "edge down": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "edge diagonal": [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]],
    "blob": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "brightness": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
}


def shepp_logan(size: int = 256, samples: int = 4) -> NDArray[np.uint8]:
    """Return the phantom, (size, size) bytes, each the mean of samples x samples points."""
    points = size * samples
    line = (np.arange(points) + 0.5) * 2 / points - 1
    x, y = np.meshgrid(line, -line)
    head = np.zeros((points, points))
    for intensity, a, b, x0, y0, degrees in SHEPP_LOGAN:
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        u = (x - x0) * cos + (y - y0) * sin
        v = (y - y0) * cos - (x - x0) * sin
        head[(u / a) ** 2 + (v / b) ** 2 <= 1] += intensity
    return to_bytes(block_mean(np.round(head, 6), samples))


def sound(rate: int = 8000, seconds: float = 1.95) -> Floats:
    """Return a bird-like chirp over two steady tones and a row of beeps, with a little hiss."""
    t = np.arange(int(rate * seconds)) / rate
    chirp = 0.8 * np.sin(2 * np.pi * (300 * t + 1200 * t**2 / seconds))
    tones = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.15 * np.sin(2 * np.pi * 1320 * t)
    song = 0.4 * np.sin(2 * np.pi * 2900 * t + 25 * np.sin(2 * np.pi * 3 * t))
    beeps = 0.5 * np.sin(2 * np.pi * 3500 * t) * (np.sin(2 * np.pi * 4 * t) > 0.6)
    hiss = 0.004 * (lattice(np.arange(t.size), np.zeros(t.size, int), seed=5) - 0.5)
    return np.asarray(chirp + tones + song + beeps + hiss)


def spectrogram(wave: Floats, window: int = 256, hop: int = 80) -> NDArray[np.float32]:
    """Return decibels below the loudest, (128 frequencies, times), the lowest frequency first."""
    starts = np.arange(0, wave.size - window + 1, hop)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = wave[starts[:, None] + np.arange(window)] * hann
    power = np.abs(np.fft.rfft(frames, axis=1))[:, : window // 2].T ** 2
    decibels = 10 * np.log10(np.maximum(power / power.max(), 1e-8))
    return np.asarray(np.round(decibels, 2), np.float32)


def storm(height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """Return a tropical storm seen from above, (height, width, 3) bytes."""
    row, column = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = (column - 0.52 * width) / height, (row - 0.49 * height) / height
    radius = np.hypot(x, 1.12 * y) + 1e-6
    turn = np.arctan2(y, x) + 2.6 * np.log(radius + 0.03)  # follows the arms inwards
    wisps = clouds(9 * radius * np.cos(turn), 9 * radius * np.sin(turn), seed=1)
    billows = clouds(5 * x, 5 * y, seed=4)
    puffs = clouds(14 * x + 0.8 * billows, 14 * y, seed=2)

    arms = 0.5 + 0.5 * np.cos(2 * turn + 1.4 * (wisps - 0.5) + 2.2 * (billows - 0.5))
    reach = np.exp(-((radius / 0.46) ** 2.4))
    shield = np.exp(-((radius / 0.17) ** 2))
    cover = reach * (0.2 + 0.9 * arms) * (0.2 + 0.9 * wisps + 0.6 * puffs) + 0.75 * shield
    scattered = np.clip(3.2 * (0.55 * puffs + 0.45 * billows - 0.53), 0, 0.9) * (1 - reach)
    eye = 1 - 0.97 * np.exp(-((radius / 0.034) ** 4))
    density = np.clip((cover - 0.22) * 1.35 + scattered, 0, 1) * eye

    # Light from the upper left gives the cloud tops their relief.
    relief = density + (0.35 * wisps + 0.5 * puffs) * density
    light = np.gradient(relief, axis=0) + np.gradient(relief, axis=1)
    shade = np.clip(0.86 + 0.1 * puffs + 1.5 * light, 0.45, 1.0)
    swell = clouds(30 * x, 30 * y, seed=3)
    depth = np.clip(0.5 + 0.5 * x - 0.4 * y, 0, 1)
    sea = np.stack(
        [
            0.02 + 0.03 * depth,
            0.10 + 0.11 * depth + 0.02 * swell,
            0.24 + 0.15 * depth + 0.03 * swell,
        ],
        axis=-1,
    )
    white = shade[..., None] * np.array([0.97, 0.985, 1.0])
    opacity = density[..., None] ** 0.8
    return to_bytes(sea * (1 - opacity) + white * opacity)


def feature_maps(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return what the filters answer to each picture, (N, 8, 28, 28), negative answers as zero.

    The middle 240x240 cells of each grey picture are averaged to 30x30 first.
    """
    edges = [np.array(FILTERS[name]) for name in ("edge across", "edge down", "edge diagonal")]
    kernels = [sign * kernel for kernel in edges for sign in (1, -1)]
    kernels += [np.array(FILTERS["blob"]), np.array(FILTERS["brightness"])]
    maps = np.empty((len(pictures), len(kernels), 28, 28))
    for n, picture in enumerate(pictures):
        top, left = (picture.shape[0] - 240) // 2, (picture.shape[1] - 240) // 2
        small = block_mean(picture[top : top + 240, left : left + 240].astype(np.float64), 8)
        patches = np.lib.stride_tricks.sliding_window_view(small, (3, 3))
        for c, kernel in enumerate(kernels):
            maps[n, c] = np.sum(patches * kernel, axis=(2, 3)) / (16 * 255)
    return np.maximum(np.round(maps, 6), 0).astype(np.float32) + np.float32(0)


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (height, width) bytes from (height, width, 3): integer weights of red, green, blue."""
    return (picture.astype(np.uint32) @ np.array([77, 150, 29], np.uint32) >> 8).astype(np.uint8)


def clouds(x: Floats, y: Floats, seed: int, octaves: int = 5) -> Floats:
    """Return smooth noise in 0..1 at the points: ever finer, ever fainter value noise."""
    total, weight = np.zeros_like(x), 1.0
    for octave in range(octaves):
        total += weight * smooth_noise(x * 2**octave, y * 2**octave, seed * 101 + octave)
        weight /= 2
    return np.asarray(total / (2 - 2 * weight))


def smooth_noise(x: Floats, y: Floats, seed: int) -> Floats:
    """Return lattice values, smoothly interpolated at the points."""
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - column, y - row
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    upper = lattice(column, row, seed) * (1 - u) + lattice(column + 1, row, seed) * u
    lower = lattice(column, row + 1, seed) * (1 - u) + lattice(column + 1, row + 1, seed) * u
    noise: Floats = upper * (1 - v) + lower * v
    return noise


def lattice(column: NDArray[Any], row: NDArray[Any], seed: int) -> Floats:
    """Return a fixed value in 0..1 for each pair of integers, in pure integer arithmetic."""
    mixed = (column * 374761393 + row * 668265263 + seed * 974711).astype(np.uint32)
    for shift, factor in ((15, 2246822519), (13, 3266489917)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    return np.asarray((mixed ^ (mixed >> np.uint32(16))) / 2**32, dtype=np.float64)


def block_mean(plane: Floats, size: int) -> Floats:
    """Return the means of size x size blocks of a plane that they fill exactly."""
    height, width = plane.shape
    blocks = plane.reshape(height // size, size, width // size, size)
    return np.asarray(blocks.mean(axis=(1, 3)))


def to_bytes(brightness: Floats) -> NDArray[np.uint8]:
    """Return 0..1 as 0..255."""
    return np.rint(np.clip(np.round(brightness, 9), 0, 1) * 255).astype(np.uint8)


def arrays() -> dict[str, NDArray[Any]]:
    """Return every array by the name of its file; of an .npz as ``file.npz:member``."""
    phantom, weather = shepp_logan(), storm()
    maps = feature_maps([phantom, grey(weather)])
    channels_last = np.ascontiguousarray(maps.transpose(0, 2, 3, 1))
    return {
        "max_4x4.npy": np.array(MAX_4X4, np.int64),
        "sum_4x4.npy": np.array(SUM_4X4, np.int64),
        "shepp_logan.png": phantom,
        "storm.png": weather,
        "spectrogram.npy": spectrogram(sound()),
        "features.npy": maps,
        "features_nhwc.npz:phantom": channels_last[:1],
        "features_nhwc.npz:storm": channels_last[1:],
    }


def write(folder: Path) -> None:
    """Write every file into ``folder``."""
    bundles: dict[str, dict[str, Any]] = {}
    for name, array in arrays().items():
        file, _, member = name.partition(":")
        if member:
            bundles.setdefault(file, {})[member] = array
        elif file.endswith(".png"):
            iio.imwrite(folder / file, array)
        else:
            np.save(folder / file, array)
    for file, members in bundles.items():
        np.savez(folder / file, **members)
    for stem, rows in (("max_4x4", MAX_4X4), ("sum_4x4", SUM_4X4)):
        for extension, separator in ((".csv", ","), (".txt", " ")):
            lines = [separator.join(map(str, row)) + "\n" for row in rows]
            (folder / (stem + extension)).write_text("".join(lines), "ascii", newline="\n")


if __name__ == "__main__":
    write(Path(__file__).parent)
