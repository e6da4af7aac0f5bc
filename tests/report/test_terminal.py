"""What a person sees of numbers on a terminal of any width."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest

from poolcli import report
from poolcli.formats.text import read_text
from poolcli.geometry import Global
from tests.helpers.results import SEED, identity, plain, pooled, terminal


def test_terminal_shows_the_matrix() -> None:
    assert terminal(pooled(SEED, label="seed.npy")) == (
        "seed.npy  4×4 HW int64 → 2×2 int64  max 2×2 stride 2\n"
        "  ┌      ┐\n"
        "  │ 6  4 │\n"
        "  │ 4  4 │\n"
        "  └      ┘\n"
    )


def test_long_report_line_breaks_between_its_parts() -> None:
    result = pooled(np.zeros((5, 4)), label="a" * 30 + ".npy", written="b.npy")
    assert terminal(result, 72, preview=False) == (
        "a" * 30 + ".npy  5×4 HW float64 → 2×2 float64\n"
        "  max 2×2 stride 2  (1 row dropped, written to b.npy)\n"
    )


def test_a_report_line_as_wide_as_the_terminal_leaves_no_gap() -> None:
    line = terminal(pooled(SEED, label="seed.npy"), 200).split("\n")[0]
    for width in (len(line), len(line) + 1):
        lines = terminal(pooled(SEED, label="seed.npy"), width).split("\n")
        assert lines[:2] == [line, "  ┌      ┐"]


def test_what_has_lost_its_rows_is_no_picture() -> None:
    vectors = terminal(identity(np.full((21, 3), 7, np.uint8), layout="WC", kind="image"))
    assert "│ 7  7  7" in vectors
    assert "a row for each channel" in vectors


def test_terminal_without_unicode() -> None:
    text = terminal(identity(np.arange(200).reshape(2, 100)), encoding="ascii")
    assert text.split("\n")[0].startswith("x.npy  2x100 HW int64 -> 2x100 int64")
    assert "|   0    1" in text
    assert "  ..  " in text
    picture = identity(np.zeros((50, 50), np.uint8), kind="image")
    assert "min 0  max 0  mean 0" in terminal(picture, encoding="latin-1")


def test_terminal_aligns_decimals() -> None:
    text = terminal(identity([[0.125, -10.5], [100.0, 3.0]]))
    assert "│   0.125  -10.500 │\n  │ 100.000    3.000 │" in text


@pytest.mark.parametrize("width", [40, 80, 81, 82, 83, 120])
@pytest.mark.parametrize("scale", [1, 1000, 1e-3, 1e9])
def test_terminal_fits_width_and_height(width: int, scale: float) -> None:
    array = (np.arange(100 * 90).reshape(100, 90) - 50) * scale
    lines = terminal(identity(array), width).rstrip("\n").split("\n")
    assert max(map(len, lines[1:])) <= width
    body = [line for line in lines if "│" in line]
    assert len(body) == 24
    assert len({len(line) for line in body}) == 1
    note = " ".join(lines[lines.index(body[-1]) + 2 :])
    (columns,) = re.findall(r"23 of 100 rows, (\d+) of 90 columns shown; --full", note)
    assert len(body[0].split()) == int(columns) + 3  # two brackets and the gap
    assert width - len(body[0]) < len(body[0]) / 3


@pytest.mark.parametrize("height", [12, 24, 40])
@pytest.mark.parametrize("shape", [(100, 90), (6, 100, 90), (30, 3), (2, 3, 9, 5)])
def test_tables_are_cut_to_the_height_of_the_window(height: int, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    layout = {2: "HW", 3: "CHW", 4: "NCHW"}[len(shape)]
    lines = terminal(identity(array, layout=layout), LINES=str(height)).rstrip("\n").split("\n")
    assert len(lines) < height
    body = [line for line in lines if "│" in line]
    assert len(body) >= (min(height - 5, shape[0]) if len(shape) == 2 else min(6, shape[-2]))


def test_terminal_shows_all_when_told() -> None:
    array = np.arange(60 * 50).reshape(60, 50)
    text = terminal(identity(array), full=True)
    rows = [line.strip(" │") for line in text.split("\n") if "│" in line]
    np.testing.assert_array_equal(np.loadtxt(rows), array)
    channels = terminal(identity(np.zeros((2, 2, 30))), full=True)
    assert re.findall(r"channel (\d+) of 30", channels) == [str(n) for n in range(30)]
    picture = terminal(identity(np.zeros((20, 3), np.uint8), kind="image"), full=True)
    assert picture.count("│ 0  0  0 │") == 20


def test_terminal_puts_channels_side_by_side_and_counts_the_rest() -> None:
    array = np.arange(2 * 2 * 64).reshape(2, 2, 64)
    text = terminal(identity(array))
    assert "  channel 0 of 64  channel 1 of 64  channel 2 of 64" in text.split("\n")[1]
    shown = re.findall(r"channel (\d+) of 64", text)
    assert shown == [str(n) for n in range(len(shown))]
    assert f"{len(shown)} of 64 planes shown; --full shows all" in text
    assert len(text.split("\n")) <= 32
    assert max(map(len, text.split("\n"))) <= 80
    first_rows = [int(n) for n in text.split("\n")[3].replace("│", " ").split()]
    columns = text.split("\n")[1].count("channel")
    assert first_rows == [n for c in range(columns) for n in array[0, :, c]]


@pytest.mark.parametrize("width", range(30, 90))
def test_channels_side_by_side_are_never_cut(width: int) -> None:
    array = np.random.default_rng(width).integers(-999, 999, (1, 3, 64))
    lines = terminal(identity(array), width).split("\n")
    shown = [int(n) for line in lines if "│" in line for n in line.replace("│", " ").split()]
    assert shown == array[0].T.ravel()[: len(shown)].tolist()
    assert max(len(line) for line in lines if "│" in line) <= width


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20])
@pytest.mark.parametrize("kind", ["npy", "image"])
def test_narrow_terminals_show_whole_numbers(width: int, kind: str) -> None:
    array = np.array([[[2**60, -(2**60)], [7, 8]]] * 12)
    text = terminal(identity(array, kind=kind), width)
    assert ("1152921504606846976" in text) or kind == "image"
    assert terminal(identity(array, kind=kind), width, full=True).count("1152921504606846976") == 24


def test_empty_results() -> None:
    empty = identity(np.zeros((0, 4, 4, 3)))
    assert "0×4×4×3 NHWC float64" in terminal(empty)
    assert "no values: an axis has length 0" in terminal(empty)
    ((again, _),) = read_text(plain(empty).encode())
    assert again.shape == (0, 4, 4, 3)


def test_one_number() -> None:
    result = pooled(SEED, "sum", Global(), keepdims=False)
    assert "→ scalar int64  global sum\n  ┌    ┐\n  │ 41 │\n  └    ┘\n" in terminal(result)
    assert np.loadtxt(io.StringIO(plain(result))) == 41
    assert json.loads(report.json_line(result))["values"] == 41


def test_names_are_no_markup_and_send_no_escapes() -> None:
    result = pooled(SEED, label="[bold]a[/x]:smile:\x1b]0;owned\x07.png", written="[a].png")
    text = terminal(result, 200)
    assert text.startswith("[bold]a[/x]:smile:\\x1b]0;owned\\x07.png  4×4")
    assert "(written to [a].png)" in text


def test_without_preview_there_is_only_the_line() -> None:
    assert terminal(pooled(SEED), preview=False).count("\n") == 1
