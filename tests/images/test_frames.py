"""Animations and pages: a batch that goes in and out, with its timing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.helpers.images import Run, done, noise

FRAMES = 4
DURATIONS = [50, 120, 80, 200]


def animate(path: Path, **options: Any) -> list[Image.Image]:
    """Write an animation of blocks, which GIF's few colours hold exactly."""
    frames = []
    for number in range(FRAMES):
        colours = noise(3, 4, 3, seed=number) // 64 * 85
        frames.append(Image.fromarray(colours.repeat(4, axis=0).repeat(4, axis=1)))
    if path.suffix == ".webp":
        options["lossless"] = True
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return frames


def read(path: Path) -> tuple[list[np.ndarray], list[float], Any]:
    """Give the frames, their durations and how often they are played, as Pillow reads them."""
    frames, durations = [], []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info.get("duration"))
            frames.append(np.asarray(frame.convert("RGB")))
        return frames, durations, image.info.get("loop")


@pytest.mark.parametrize("op", ["max", "avg"])
@pytest.mark.parametrize("loop", [0, 3])
@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_animations_stay_animations(
    format: str, loop: int, op: str, tmp_path: Path, poolcli: Run
) -> None:
    frames = animate(tmp_path / f"a.{format}", duration=DURATIONS, loop=loop)
    done(poolcli(op, "-k", "2", f"a.{format}", "-o", f"b.{format}"))
    got, durations, times = read(tmp_path / f"b.{format}")
    assert (durations, times) == (DURATIONS, loop)
    # Pixels of blocks are all alike, so that pooling halves the frames and changes nothing else.
    for frame, expected in zip(got, frames, strict=True):
        np.testing.assert_array_equal(frame, np.asarray(expected)[::2, ::2])


def test_a_gif_that_plays_once_still_does(tmp_path: Path, poolcli: Run) -> None:
    animate(tmp_path / "a.gif", duration=DURATIONS)
    done(poolcli("max", "-k", "2", "a.gif", "-o", "b.gif"))
    assert read(tmp_path / "b.gif")[1:] == (DURATIONS, None)


@pytest.mark.parametrize(("source", "target"), [("gif", "webp"), ("webp", "png"), ("png", "gif")])
def test_timing_goes_over_to_other_formats(
    source: str, target: str, tmp_path: Path, poolcli: Run
) -> None:
    animate(tmp_path / f"a.{source}", duration=DURATIONS, loop=2)
    done(poolcli("max", "-k", "2", f"a.{source}", "-o", f"b.{target}"))
    assert read(tmp_path / f"b.{target}")[1:] == (DURATIONS, 2)


def test_pages_stay_pages(tmp_path: Path, poolcli: Run) -> None:
    frames = animate(tmp_path / "a.tif", compression="tiff_lzw")
    done(poolcli("max", "-k", "2", "a.tif", "-o", "b.tif"))
    got, _, _ = read(tmp_path / "b.tif")
    for frame, expected in zip(got, frames, strict=True):
        np.testing.assert_array_equal(frame, np.asarray(expected)[::2, ::2])


@pytest.mark.parametrize("format", ["jpg", "bmp"])
def test_formats_of_one_picture_refuse_several(format: str, tmp_path: Path, poolcli: Run) -> None:
    animate(tmp_path / "a.gif", duration=DURATIONS)
    outcome = poolcli("max", "-k", "2", "a.gif", "-o", f"b.{format}")
    assert outcome.code == 1
    assert "holds one picture, the result has 4" in outcome.err


def test_frames_with_transparency_do_not_bleed(tmp_path: Path, poolcli: Run) -> None:
    frames = []
    for seen in (0, 1):
        pixels = np.zeros((4, 4, 4), np.uint8)
        pixels[...] = (250, 10, 10, 0)
        pixels[:, seen::2] = (10, 20, 30, 255)
        frames.append(Image.fromarray(pixels))
    frames[0].save(
        tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True, exact=True
    )
    done(poolcli("avg", "-k", "2", "a.webp", "-o", "b.tif"))
    import tifffile

    written = tifffile.imread(tmp_path / "b.tif")
    assert written.shape == (2, 2, 2, 4)
    assert (written == (10, 20, 30, 128)).all()


def squares(kind: str) -> np.ndarray:
    """Give RGBA frames that show what is left of those before, if anything is."""
    frames = np.zeros((FRAMES, 16, 16, 4), np.uint8)
    for number, frame in enumerate(frames):
        if kind == "an opaque one first" and number < 2:
            frame[...] = (10 * number, 100, 7, 255)
        elif kind == "a clear one between" and number == 2:
            pass
        elif kind == "one like the one before" and number == 2:
            frame[...] = frames[1]
        else:
            frame[4:8, 3 * number : 3 * number + 4] = (200, 50 * number, 10, 255)
    return frames


@pytest.mark.parametrize("source", ["tif", "png"])
@pytest.mark.parametrize("format", ["gif", "webp", "png"])
@pytest.mark.parametrize(
    "kind",
    ["squares", "an opaque one first", "a clear one between", "one like the one before"],
)
def test_nothing_of_a_frame_shines_through_the_next(
    kind: str, format: str, source: str, tmp_path: Path, poolcli: Run
) -> None:
    import tifffile

    frames = squares(kind)
    if source == "tif":
        tifffile.imwrite(tmp_path / "a.tif", frames, photometric="rgb", extrasamples=["unassalpha"])
    else:
        images = [Image.fromarray(frame) for frame in frames]
        images[0].save(
            tmp_path / "a.png", save_all=True, append_images=images[1:], duration=100, loop=0
        )
    done(poolcli("max", "-k", "1", f"a.{source}", "-o", f"b.{format}"))
    got = []
    with Image.open(tmp_path / f"b.{format}") as image:
        for frame in ImageSequence.Iterator(image):
            frame.load()
            times = round(frame.info["duration"] / 100) if source == "png" else 1
            got += [np.asarray(frame.convert("RGBA"))] * times
    expected = frames if source == "png" or format == "png" else _distinct(frames)
    np.testing.assert_array_equal([f[..., 3] for f in got], expected[..., 3])
    np.testing.assert_array_equal([f * (f[..., 3:] > 0) for f in got], expected)


def _distinct(frames: np.ndarray) -> np.ndarray:
    """Leave out frames that are like the one before: without a time they cannot lengthen it."""
    return np.stack(
        [f for n, f in enumerate(frames) if n == 0 or not np.array_equal(f, frames[n - 1])]
    )


@pytest.mark.parametrize(("format", "longest"), [("gif", 655_350), ("webp", 2**24 - 1)])
def test_times_beyond_the_format_become_its_longest(
    format: str, longest: int, tmp_path: Path, poolcli: Run
) -> None:
    animate(tmp_path / "a.png", duration=[20_000_000] * FRAMES, loop=100_000)
    done(poolcli("max", "-k", "2", "a.png", "-o", f"b.{format}"))
    assert read(tmp_path / f"b.{format}")[1:] == ([longest] * FRAMES, 65535)
