"""The committed sample files are what their script makes, and what their README says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray

import make_drawing

FOLDER = Path(__file__).parents[2] / "sample_data"

SHAPES = {
    "max_4x4.npy": ((4, 4), "int64"),
    "sum_4x4.npy": ((4, 4), "int64"),
    "shepp_logan.png": ((256, 256), "uint8"),
    "storm.png": ((240, 320, 3), "uint8"),
    "spectrogram.npy": ((128, 192), "float32"),
    "features.npy": ((2, 8, 28, 28), "float32"),
    "features_nhwc.npz:phantom": ((1, 28, 28, 8), "float32"),
    "features_nhwc.npz:storm": ((1, 28, 28, 8), "float32"),
}


def load_script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made() -> dict[str, NDArray[Any]]:
    return dict(load_script(FOLDER / "make.py").arrays())


def read(name: str, folder: Path = FOLDER) -> NDArray[Any]:
    file, _, member = name.partition(":")
    if member:
        with np.load(folder / file) as members:
            return np.asarray(members[member])
    return iio.imread(folder / file) if file.endswith(".png") else np.load(folder / file)


def test_there_is_a_shape_for_every_array(made: dict[str, NDArray[Any]]) -> None:
    assert set(made) == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_committed_arrays_are_what_the_script_makes(
    name: str, made: dict[str, NDArray[Any]]
) -> None:
    committed = read(name)
    assert (committed.shape, committed.dtype.name) == SHAPES[name]
    np.testing.assert_array_equal(committed, made[name], strict=True)


def test_the_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    load_script(FOLDER / "make.py").write(tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {p.name for p in FOLDER.iterdir() if p.is_file()} - {"make.py", "README.md"}
    # The bytes of PNG depend on zlib's version, those of a zip on Python's.
    packed = {name for name in written if name.endswith((".png", ".npz"))}
    for name in written - packed:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name
    for name in packed - {"features_nhwc.npz"}:
        np.testing.assert_array_equal(read(name, tmp_path), read(name), strict=True)
    again, committed = (
        np.load(tmp_path / "features_nhwc.npz"),
        np.load(FOLDER / "features_nhwc.npz"),
    )
    assert again.files == committed.files
    for name in again.files:
        np.testing.assert_array_equal(again[name], committed[name], strict=True)


@pytest.mark.parametrize("stem", ["max_4x4", "sum_4x4"])
def test_matrices_are_the_same_as_array_and_as_text(stem: str) -> None:
    matrix = np.load(FOLDER / f"{stem}.npy")
    comma = np.loadtxt(FOLDER / f"{stem}.csv", dtype=np.int64, delimiter=",")
    space = np.loadtxt(FOLDER / f"{stem}.txt", dtype=np.int64)
    np.testing.assert_array_equal(comma, matrix)
    np.testing.assert_array_equal(space, matrix)


def test_matrices_give_the_numbers_of_the_textbook() -> None:
    largest = np.load(FOLDER / "max_4x4.npy").reshape(2, 2, 2, 2).max(axis=(1, 3))
    assert largest.tolist() == [[6, 4], [4, 4]]
    windows = np.lib.stride_tricks.sliding_window_view(np.load(FOLDER / "sum_4x4.npy"), (3, 3))
    assert windows.sum(axis=(2, 3)).tolist() == [[32, 30], [37, 38]]


def test_phantom_has_the_published_grey_levels() -> None:
    phantom = read("shepp_logan.png")
    centre_of_head, skull, outside = phantom[128, 128], phantom[12, 128], phantom[5, 5]
    assert (centre_of_head, skull, outside) == (51, 255, 0)  # 1 - 0.8, 1 and 0 of white
    left_ventricle = phantom[128, 128 - 28]  # at x = -0.22: 1 - 0.8 - 0.2
    assert left_ventricle == 0
    assert phantom[128 - 45, 128] == 76  # at y = 0.35: 1 - 0.8 + 0.1, half to even


def test_spectrogram_shows_the_tones_it_was_made_of() -> None:
    decibels = read("spectrogram.npy")
    assert decibels.max() == 0
    assert decibels.min() >= -80
    steady = np.median(decibels, axis=1)
    hertz = np.array([440, 1320])
    bins = np.rint(hertz / (8000 / 256)).astype(int)
    assert (steady[bins] > steady[bins + 6] + 25).all()


def test_feature_maps_are_after_relu_and_alike_in_both_layouts() -> None:
    maps = read("features.npy")
    assert maps.min() == 0
    assert (maps.max(axis=(2, 3)) > 0.05).all()
    assert (maps[:, :7] == 0).mean() > 0.3
    for n, member in enumerate(("phantom", "storm")):
        channels_last = read(f"features_nhwc.npz:{member}")
        np.testing.assert_array_equal(channels_last[0].transpose(2, 0, 1), maps[n])


def test_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 400_000


def test_readme_names_every_file() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    for name in {name.partition(":")[0] for name in SHAPES}:
        assert f"`{name}`" in text


def test_readme_picture_is_what_its_script_draws() -> None:
    assert make_drawing.PICTURE.read_text("utf-8") == make_drawing.draw()


def test_readme_picture_shows_the_matrix_and_its_maxima() -> None:
    picture = (FOLDER.parent / "docs" / "images" / "max-pooling.svg").read_text("utf-8")
    root = ElementTree.fromstring(picture)
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    numbers = [int(text) for text in texts if re.fullmatch(r"\d", text)]
    # Window by window: its four cells, then its maximum.
    windows = [[1, 3, 5, 6, 6], [2, 4, 1, 2, 4], [2, 4, 1, 2, 4], [0, 1, 3, 4, 4]]
    assert numbers == [number for window in windows for number in window]
