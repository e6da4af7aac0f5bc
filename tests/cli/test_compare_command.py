"""``poolcli compare``: its table, its JSON, its contact sheet and what it refuses."""

from __future__ import annotations

import json

import imageio.v3 as iio
import numpy as np
import pytest

from poolcli import formats

FIELDS = ["label", "op", "windows", "input", "output", "data_range", "min", "max", "mean"]
FIELDS += ["psnr", "ssim", "peaks", "outlier", "noise", "noise_bias"]


@pytest.fixture
def photo(tmp_path):
    """Give a picture of 8-bit noise on a slope, so that nothing in it is alike."""
    x = np.random.default_rng(0).normal(0, 20, (32, 40)) + np.linspace(30, 220, 40)
    path = tmp_path / "photo.png"
    iio.imwrite(path, np.clip(x, 0, 255).astype(np.uint8))
    return path


def records(done):
    return [json.loads(line) for line in done.text.splitlines()]


def first_words(done):
    return [line.split()[0] if line.split() else "" for line in done.text.splitlines()]


def test_the_table(poolcli):
    done = poolcli("compare", "--matrix", "1 3 2 4; 5 6 1 2; 2 4 0 1; 1 2 3 4")
    assert (done.code, done.err) == (0, "")
    lines = done.text.splitlines()
    assert lines[0] == "  --matrix   4×4   2×2 stride 2 → 2×2   data range 6"
    assert first_words(done)[4:10] == ["max", "avg", "median", "sum", "stochastic", "subsample"]
    assert lines[4].split() == [
        "max",
        "4…6",
        "4.50",
        "7.8",
        "–",
        "100",
        "%",
        "1.00",
        "0.75",
        "−0.38",
    ]
    assert lines[7].split() == ["sum", "8…15", "10.25", "–", "–", "–", "1.00", "3.00", "−1.06"]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.text


def test_one_object_an_op(poolcli, photo):
    done = poolcli("compare", photo, "--json")
    assert (done.code, done.err) == (0, "")
    found = records(done)
    assert [row["op"] for row in found] == [
        *("max", "avg", "median", "sum", "stochastic", "subsample")
    ]
    for row in found:
        assert list(row) == FIELDS
        assert (row["label"], row["data_range"]) == (str(photo), 255)
        assert row["input"] == {"shape": [32, 40], "dtype": "uint8", "layout": "HW"}
        assert row["output"]["shape"] == [16, 20]
        assert row["windows"]["size"] == [2, 2]
    by_op = {row["op"]: row for row in found}
    assert by_op["sum"]["psnr"] is by_op["sum"]["ssim"] is by_op["sum"]["peaks"] is None
    assert by_op["stochastic"]["noise"] is by_op["stochastic"]["noise_bias"] is None
    assert by_op["avg"]["psnr"] > by_op["max"]["psnr"]
    assert by_op["max"]["noise_bias"] > 0.5
    assert by_op["max"]["peaks"] == 1


def test_nothing_lost_is_infinity(poolcli):
    done = poolcli("compare", "--matrix", "1 1 2 2; 1 1 2 2", "--ops", "max,sum", "--json")
    assert [row["psnr"] for row in records(done)] == ["Infinity", None]
    assert " ∞ " in poolcli("compare", "--matrix", "1 1 2 2; 1 1 2 2", "--ops", "max").text


def test_blur_comes_with_windows_in_which_it_is_not_avg(poolcli, photo):
    assert [row["op"] for row in records(poolcli("compare", photo, "-k", 3, "--json"))][-1] == (
        "blur"
    )
    said = poolcli("compare", photo, "-k", 3).text
    assert "cells of padding of its own → 11×14" in said
    assert max(map(len, said.splitlines()[1:])) <= 80  # below the input's own name


@pytest.mark.parametrize(
    "options",
    [
        ["--size", "2x3", "--stride", "1"],
        ["--padding", "1", "-k", "3", "-s", "2"],
        ["--dilation", "2"],
        ["--size", "7", "--ceil"],
        ["--ops", "mean,var,lp,quantile,range"],
        ["--like", "torch"],
    ],
)
def test_window_options(poolcli, photo, options):
    done = poolcli("compare", photo, *options)
    assert done.code == 0
    assert max(map(len, done.text.splitlines()[1:])) <= 80  # below the input's own name
    for row in records(poolcli("compare", photo, *options, "--json")):
        y = poolcli(row["op"], photo, "-k", "2", *_without_ops(options), "--json")
        assert row["output"] == records(y)[0]["output"]
        assert row["max"] == np.max(records(y)[0]["values"])


def _without_ops(options):
    return [] if "--ops" in options else options


@pytest.mark.parametrize(
    "typed",
    [
        "3 3; 3 3",
        "nan 1 2; 3 4 5; 6 7 8",
        "-1e300 1e300; 1 2",
        "1e-9 2e-9; 3e-9 4e-9",
        "-123456789.5 2.25; 1 987654321.5",
        "inf -inf; 1 2",
    ],
)
def test_odd_numbers_fit_80_columns(poolcli, typed):
    done = poolcli("compare", "--matrix", typed)
    assert done.code == 0
    assert max(map(len, done.text.splitlines()[1:])) <= 80  # below the input's own name
    assert "nan" not in done.text
    for row in records(poolcli("compare", "--matrix", typed, "--json")):
        assert "NaN" not in row.values()


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [
        ((50,), "float32", []),
        ((6, 7, 8), "uint8", ["--layout", "DHW"]),
        ((2, 3, 8, 9), "float32", ["--layout", "NCHW"]),
        ((9, 8, 3), "uint16", []),
        ((9, 8), "bool", []),
        ((5, 9, 8), "int16", ["--layout", "NHW"]),
        ((2, 2), ">f4", []),
    ],
)
def test_any_array(poolcli, tmp_path, shape, dtype, options):
    x = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    done = poolcli("compare", tmp_path / "x.npy", *options)
    assert done.code == 0
    assert len(records(poolcli("compare", tmp_path / "x.npy", *options, "--json"))) == 6


def test_an_op_that_cannot_is_left_out_or_missed(poolcli, tmp_path):
    np.save("x.npy", np.linspace(-1, 1, 64).reshape(8, 8))
    done = poolcli("compare", "x.npy")
    assert done.code == 0
    assert "stochastic" not in done.text
    assert done.err.startswith("poolcli: hint: x.npy: left out is stochastic: ")
    named = poolcli("compare", "x.npy", "--ops", "max,stochastic")
    assert named.code == 1
    assert "  max" in named.text
    assert named.err.startswith("poolcli: x.npy: stochastic: ")
    assert poolcli("compare", "x.npy", "--ops", "stochastic").code == 1


def test_several_inputs(poolcli, photo):
    done = poolcli("compare", photo, "missing.npy", "--matrix", "1 2; 3 4", "--json")
    assert done.code == 1
    labels = [row["label"] for row in records(done)]
    assert labels == ["--matrix"] * 6 + [str(photo)] * 6 + ["missing.npy"]
    assert done.err == "poolcli: missing.npy: No such file or directory\n"


def test_a_sheet(poolcli, photo, tmp_path):
    done = poolcli("compare", photo, "-o", "sheet.png")
    assert (done.code, done.err) == (0, "poolcli: sheet written to sheet.png\n")
    assert "stochastic" in done.text
    sheet = iio.imread("sheet.png")
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert sheet.shape[1] <= 1200
    again = poolcli("compare", photo, "-o", "sheet.png")
    assert (again.code, again.text) == (2, "")
    assert again.err == "poolcli: sheet.png: exists; --overwrite replaces it\n"
    before = (tmp_path / "sheet.png").read_bytes()
    assert poolcli("compare", photo, "-o", "sheet.png", "--overwrite").code == 0
    assert (tmp_path / "sheet.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png", "--ops", "max,nope"], "no op 'nope'"),
        (["photo.png", "--ops", ""], "names of ops with commas between them"),
        (["photo.png", "--ops", "max,,avg"], "names of ops with commas between them"),
        (["photo.png", "--size", "0"], "numbers here start at 1"),
        (["photo.png", "--size", "two"], "is not a whole number"),
        (["photo.png", "-o", "sheet.npy"], "-o sheet.npy: a sheet is a picture"),
        (["photo.png", "-o", "-"], "-o -: a sheet is a picture"),
        (["photo.png", "-o", "new/"], "-o new/: a sheet is a picture"),
        (["photo.png", "-o", "photo.png/sheet.png"], "photo.png is there and no folder"),
        (["photo.png", "photo.png", "-o", "s.png"], "one sheet for several inputs"),
        (["photo.png", "-o", "photo.png"], "photo.png: is the input itself"),
        (["photo.png", "--overwrite"], "--overwrite is for the sheet"),
        ([], "no input"),
    ],
)
def test_wrong_usage(poolcli, photo, arguments, message):
    done = poolcli("compare", *arguments)
    assert (done.code, done.text) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_windows_that_do_not_fit(poolcli, photo):
    done = poolcli("compare", "photo.png", "--size", "99")
    assert (done.code, done.text) == (1, "")
    assert done.err == "poolcli: photo.png: height: effective kernel 99 exceeds input 32\n"


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(poolcli, photo, monkeypatch):
    monkeypatch.setattr(formats.guard, "available_memory", lambda: 40_000)
    done = poolcli("compare", "photo.png")
    assert (done.code, done.text) == (1, "")
    assert "photo.png: measuring it needs" in done.err
    assert done.err.count("\n") == 1


def test_what_is_missing_is_left_out(poolcli, tmp_path):
    x = np.arange(64.0).reshape(8, 8)
    np.save("whole.npy", x)
    x[0, 0] = np.nan
    np.save("x.npy", x)
    done = poolcli("compare", "x.npy", "--ops", "max", "--json")
    assert done.err == (
        "poolcli: hint: x.npy: 1 of 64 cells are NaN or missing, "
        "and windows with one are left out\n"
    )
    (row,), (whole,) = (
        records(poolcli("compare", name, "--ops", "max", "--json"))
        for name in ("x.npy", "whole.npy")
    )
    assert row["max"] == whole["max"] == 63
    assert row["mean"] == (16 * whole["mean"] - 9) / 15


def test_what_a_geotiff_calls_missing_is_left_out(poolcli, tmp_path):
    import tifffile

    x = np.full((16, 16), 200, np.uint8)
    x[:, ::2] = 100
    x[0] = 255
    extra = [(42113, 2, 4, "255", True)]
    tifffile.imwrite("x.tif", x, photometric="minisblack", extratags=extra)
    (row,) = records(poolcli("compare", "x.tif", "--ops", "max", "--json"))
    assert (row["max"], row["data_range"]) == (200, 100)
