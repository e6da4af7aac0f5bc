"""The example of a plugin: NIfTI by nibabel, installed as its own pyproject.toml says."""

from __future__ import annotations

import gzip
import itertools
import tomllib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.helpers.every import every
from tests.helpers.plugins import install
from tests.helpers.program import PROJECT, Outcome

Run = Callable[..., Outcome]
EXAMPLE = PROJECT / "examples" / "poolcli-nifti"
# Turned and of uneven cells, as scanners give them.
AFFINE = np.array(
    [[0.0, -2.0, 0.1, 30.0], [1.5, 0.0, 0.0, -20.0], [0.0, 0.2, 3.0, 5.0], [0.0, 0.0, 0.0, 1.0]]
)
pytestmark = pytest.mark.usefixtures("nifti")


@pytest.fixture
def nifti(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the example without a network: its description, and its modules on the path."""
    with open(EXAMPLE / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    groups = {
        group.removeprefix("poolcli."): points for group, points in project["entry-points"].items()
    }
    install(site, project["name"], groups, project["version"])
    monkeypatch.syspath_prepend(str(EXAMPLE))


def volume(shape: tuple[int, ...], dtype: str = "u1") -> np.ndarray:
    return np.random.default_rng(5).integers(0, 200, shape).astype(dtype)


def test_it_is_listed(poolcli: Run) -> None:
    assert poolcli("info", "--plugins").text == "format nifti: .nii (poolcli-nifti 0.1.0)\n"


def test_volumes_of_every_kind_are_read(poolcli: Run) -> None:
    kinds = [
        (kind, shape, dtype, packed)
        for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image)
        for shape, dtype, packed in (
            ((6, 4, 8), "u1", False),
            ((6, 4, 8), "<i2", True),
            ((6, 4, 8), ">f4", False),
            ((5, 4, 3, 2), "f8", True),
            ((4, 4), "i4", False),
            ((3, 4, 2, 1, 3), "u2", False),
        )
    ]

    def check(row: tuple[type, tuple[int, ...], str, bool]) -> None:
        kind, shape, dtype, packed = row
        x = volume(shape, dtype)
        header = kind.header_class(endianness=">" if dtype.startswith(">") else "<")
        header.set_data_dtype(x.dtype)
        path = Path("x.nii.gz" if packed else "x.nii")
        nibabel.save(kind(x, AFFINE, header), path)
        done = poolcli("max", "-k", 1, path, "-o", "y.npy", "--overwrite", "-q")
        assert done.code == 0, done.err
        np.testing.assert_array_equal(np.load("y.npy"), x)

    every(kinds, check)


def test_results_lie_where_their_windows_did(poolcli: Run) -> None:
    """The middle of each window, by the old affine, is the middle of its cell by the new one."""
    x = volume((9, 8, 7), "i2")
    image = nibabel.Nifti1Image(x, AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"a volume"
    nibabel.save(image, "x.nii")

    def check(row: tuple[str, tuple[int, ...], tuple[int, ...], int]) -> None:
        arguments, size, stride, padding = row
        done = poolcli("max", *arguments.split(), "x.nii", "-o", "y.nii", "--overwrite", "-q")
        assert (done.code, done.err) == (0, "")
        result = nibabel.load("y.nii")
        for place in itertools.product(*(range(n) for n in result.shape)):
            start = np.multiply(place, stride) - padding
            middle = start + (np.array(size) - 1) / 2
            expected = nibabel.affines.apply_affine(AFFINE, middle)
            found = nibabel.affines.apply_affine(result.affine, place)
            np.testing.assert_allclose(found, expected, rtol=1e-5)
            inside = tuple(slice(max(low, 0), low + n) for low, n in zip(start, size, strict=True))
            assert result.dataobj[place] == x[inside].max()
        assert result.header.get_xyzt_units() == ("mm", "sec")
        assert bytes(result.header["descrip"]).startswith(b"a volume")
        assert result.get_data_dtype() == np.int16

    every(
        [
            ("-k 2", (2, 2, 2), (2, 2, 2), 0),
            ("-k 1x2x3", (1, 2, 3), (1, 2, 3), 0),
            ("-k 3 -s 2 -p 1", (3, 3, 3), (2, 2, 2), 1),
        ],
        check,
    )


def test_the_majority_of_an_atlas_keeps_its_labels(poolcli: Run) -> None:
    x = np.zeros((4, 4, 4), "u2")
    x[:2, :2, :2] = 1001
    x[2:, 2:, 2:] = 2035
    nibabel.save(nibabel.Nifti1Image(x, AFFINE), "atlas.nii.gz")
    assert poolcli("mode", "-k", 2, "atlas.nii.gz", "-o", "small.nii", "-q").code == 0
    small = np.asarray(nibabel.load("small.nii").dataobj)
    assert small.dtype == np.uint16
    assert (small[0, 0, 0], small[1, 1, 1], small.sum()) == (1001, 2035, 3036)


def test_values_are_those_that_the_file_means(poolcli: Run) -> None:
    x = volume((4, 4, 4), "i2")
    nibabel.save(nibabel.Nifti1Image(x, AFFINE), "x.nii")
    scaled = bytearray(Path("x.nii").read_bytes())
    scaled[112:120] = np.array([0.5, -10], "<f4").tobytes()  # slope and intercept
    Path("x.nii").write_bytes(scaled)
    assert poolcli("info", "x.nii").text == "x.nii: 4x4x4 DHW float64 (nifti)\n"
    meant = np.asarray(nibabel.load("x.nii").dataobj)
    assert poolcli("max", "-k", 4, "x.nii", "-o", "y.nii", "-q").code == 0
    result = nibabel.load("y.nii")
    assert result.get_data_dtype() == np.float64
    assert np.asarray(result.dataobj).item() == meant.max()


def test_time_is_the_batch_axis(poolcli: Run) -> None:
    x = volume((4, 4, 2, 3), "f4")
    nibabel.save(nibabel.Nifti1Image(x, AFFINE), "x.nii")
    assert poolcli("avg", "-k", "2x2x1", "x.nii", "-o", "y.nii", "-q").code == 0
    expected = x.reshape(2, 2, 2, 2, 2, 3).mean((1, 3), dtype="f8")
    np.testing.assert_allclose(np.asarray(nibabel.load("y.nii").dataobj), expected, rtol=1e-6)


def test_what_is_lost_is_told(poolcli: Run) -> None:
    nibabel.save(nibabel.Nifti1Image(volume((4, 4, 4)), AFFINE), "x.nii")
    done = poolcli("max", "-k", 2, "x.nii", "-o", "y.npy")
    assert done.code == 0
    assert "not in the result: the affine" in done.err
    assert np.load("y.npy").shape == (2, 2, 2)


def test_arrays_that_come_from_elsewhere(poolcli: Run) -> None:
    np.save("x.npy", volume((4, 4, 4), "f4"))
    assert poolcli("max", "-k", 2, "-l", "DHW", "x.npy", "-o", "y.nii", "-q").code == 0
    result = nibabel.load("y.nii")
    np.testing.assert_array_equal(result.affine, np.eye(4))
    assert (result.shape, result.get_data_dtype()) == ((2, 2, 2), np.float32)


def test_bad_files_are_refused_in_one_line(poolcli: Run) -> None:
    nibabel.save(nibabel.Nifti1Image(volume((8, 8, 8)), AFFINE), "x.nii")
    sound = Path("x.nii").read_bytes()
    noise = np.random.default_rng(1).integers(0, 256, (8, 8, 8)).astype("u1")
    nibabel.save(nibabel.Nifti1Image(noise, AFFINE), "n.nii")
    packed = gzip.compress(Path("n.nii").read_bytes())
    huge = bytearray(sound)
    huge[40:56] = np.array([3, 32000, 32000, 32000, 1, 1, 1, 1], "<i2").tobytes()
    strange = bytearray(sound)
    strange[70:74] = np.array([32, 64], "<i2").tobytes()  # complex numbers
    colours = bytearray(sound)
    colours[70:74] = np.array([128, 24], "<i2").tobytes()
    many = bytearray(sound)
    many[40:56] = np.array([7, 2, 2, 2, 2, 2, 2, 2], "<i2").tobytes()

    def check(row: tuple[str, bytes, str]) -> None:
        name, data, said = row
        Path(name).write_bytes(data)
        done = poolcli("max", "-k", 2, name)
        assert done.code == 1
        assert done.err.startswith(f"poolcli: {name}: ")
        assert said in done.err, done.err
        assert done.err.count("\n") == 1

    every(
        [
            ("cut.nii", sound[:-10], "its header needs 864 bytes, it has 854"),
            ("huge.nii", bytes(huge), "its header needs 32768000000352 bytes"),
            ("cut.nii.gz", packed[:-200], ""),
            ("head.nii", sound[:350], ""),
            ("complex.nii", bytes(strange), "its cells are complex64"),
            ("colours.nii", bytes(colours), "and numbers are read"),
            ("many.nii", bytes(many), "it has 7 axes"),
            ("other.gz", gzip.compress(b"nothing of that kind" * 40), "it is gzip; unpack it"),
        ],
        check,
        told=lambda row: row[0],
    )


def test_a_bomb_is_refused_before_it_is_unpacked(poolcli: Run) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((32000, 32000, 30000))
    header.set_data_dtype("u1")
    header["magic"], header["vox_offset"] = b"n+1", 352
    Path("bomb.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(10**6)))
    done = poolcli("max", "-k", 2, "bomb.nii.gz", "--max-memory", "1G")
    assert done.code == 1
    assert "of memory" in done.err
    assert done.err.count("\n") == 1


def test_what_nifti_does_not_hold(poolcli: Run) -> None:
    def check(row: tuple[str, str]) -> None:
        arguments, said = row
        done = poolcli(*arguments.split(), "-o", "y.nii")
        assert done.code == 1
        assert said in done.err
        assert not Path("y.nii").exists()

    every(
        [
            ("max -k 1 --matrix 1 --dtype float16", "NIfTI holds no float16"),
            ("max -k 1 --matrix 1 --dtype bool --clip", "NIfTI holds no bool"),
            ("max -k 1 -l HWC x.npy", "NIfTI has axes W, HW, DHW, DHWN, DHWNC, and not HWC"),
        ],
        lambda row: (np.save("x.npy", volume((4, 4, 3))), check(row)),
    )
