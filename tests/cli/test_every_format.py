"""Every row of the table of formats, by itself: what each must do, whatever it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli import formats
from poolcli.errors import InputError
from poolcli.formats.table import BY_EXTENSION, TABLE, format_of, picture_support_of
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]

LOSSY = (".jpg", ".jpeg")
# Others are only read, or are folders; they have tests of their own.
ENCODED = [name for name, row in BY_EXTENSION.items() if row.encode is not None]


def sample(extension: str) -> tuple[np.ndarray, str]:
    """An array that files of this extension can hold, and its layout."""
    pictures = picture_support_of(extension)
    grey = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
    if pictures is not None and "uint8" in pictures.dtypes_of(3):
        return np.stack([grey, grey[::-1], 255 - grey], axis=-1), "HWC"
    return (grey if pictures is None or "uint8" in pictures.dtypes_of(1) else grey > 100), "HW"


def written(path: Path) -> np.ndarray:
    array, layout = sample(path.suffix)
    formats.write_file(str(path), array, layout=layout)
    return array


@pytest.mark.parametrize("extension", ENCODED)
def test_what_is_written_is_read(extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    array = written(path)
    (source,) = formats.read_file(str(path))
    assert source.shape == array.shape
    if extension not in LOSSY:
        np.testing.assert_array_equal(source.array, array)
    (info,) = formats.describe_file(str(path))
    assert (info.shape, info.dtype) == (source.shape, source.dtype)


@pytest.mark.parametrize("extension", ENCODED)
def test_the_name_of_a_file_says_nothing(extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    array = written(path)
    other = path.rename(tmp_path / "a.something")
    assert format_of(other.read_bytes()[:64]) in TABLE
    (source,) = formats.read_file(str(other))
    assert source.shape == array.shape
    (piped,) = formats.read_stdin(io.BytesIO(other.read_bytes()))
    np.testing.assert_array_equal(piped.array, source.array)


@pytest.mark.parametrize("extension", ENCODED)
def test_of_a_file_that_is_cut_an_error_of_one_line_comes(extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    written(path)
    whole = path.read_bytes()
    for length in sorted({*range(min(len(whole), 40)), len(whole) // 2, len(whole) - 1}):
        path.write_bytes(whole[:length])
        said = f"{path}: "
        try:  # of a text what is left is a matrix, too, and some files end with what is not needed
            assert len([source.array for source in formats.read_file(str(path))]) == 1, length
        except InputError as error:
            said = str(error)
        assert said.startswith(f"{path}: "), length
        assert "\n" not in said, length


@pytest.mark.parametrize("extension", ENCODED)
def test_the_program_takes_it_from_end_to_end(poolcli: Run, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    array = written(path)
    layout = sample(extension)[1]
    done = poolcli("max", "-k", "1", path, "-l", layout, "-o", f"b{extension}", "-q")
    assert (done.code, done.err) == (0, "")
    (source,) = formats.read_file(f"b{extension}")
    assert source.shape == array.shape
    refused = poolcli("max", "-k", "1", path, "-l", layout, "-o", f"b{extension}")
    assert refused.code == 2
    assert f"b{extension}: exists" in refused.err
