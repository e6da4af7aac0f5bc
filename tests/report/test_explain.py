"""What is drawn of an explained pooling: fits every window, in colours and in signs."""

from __future__ import annotations

import io
import itertools
import re
from typing import Any

import numpy as np
import pytest

from poolcli.analysis.explain import explain
from poolcli.analysis.palette import HUES
from poolcli.cli.messages import as_typed
from poolcli.geometry import Adaptive, Fractional, Geometry, Global, Pyramid, Sliding
from poolcli.ops import OPS
from poolcli.report.canvas import Screen, plain_lines, width_of
from poolcli.report.explain import explanation_page, step_page
from poolcli.report.windows.grid import Box
from poolcli.request import Request
from tests.helpers.every import FUZZ, every
from tests.helpers.results import ESCAPES, SEED, pooled, terminal

LAYOUTS = {1: "W", 2: "HW", 3: "DHW"}


def page(asked: Any, x: Any, *, every: bool = False, screen: Screen | None = None) -> list[str]:
    """The lines of a page, as a pipe gets them."""
    explained = explain(asked, np.asarray(x))
    boxes = [Box((0,) * len(one.shape), one.shape) for one in explained]
    screen = screen or Screen(io.StringIO(), terminal=False, word=as_typed)
    block = explanation_page(explained, boxes, screen, every=every)
    return list(plain_lines(block, ascii_only=False))


def on_screen(asked: Any, x: Any, width: int = 80, height: int = 24, **variables: str) -> str:
    """A page with all its escape codes, as a terminal gets it."""
    settings = {"COLUMNS": str(width), "LINES": str(height), "TERM": "xterm-256color"}
    settings["COLORTERM"] = "truecolor"
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_COLOR", raising=False)
        for name, value in (settings | variables).items():
            patch.setenv(name, value)
        explained = explain(asked, np.asarray(x))
        screen = Screen(stream, terminal=True, word=as_typed)
        boxes = [Box((0,) * len(one.shape), one.shape) for one in explained]
        screen.show(explanation_page(explained, boxes, screen))
    return stream.getvalue()


def test_disjoint_windows_are_one_picture() -> None:
    assert (
        page(Request("max", Sliding(2)), SEED)
        == """\
  max 2×2 stride 2   the largest value of each window

   1  3   2 [4]
   5 [6]  1  2         6   4
                  →
   2 [4]  0  1         4   4
   1  2   3 [4]

  size    ⌊(4 − 2) / 2⌋ + 1 = 2   in height and in width
  [0,0]   max(1, 3, 5, 6) = 6
  [0,1]   max(2, 4, 1, 2) = 4
  [1,0]   max(2, 4, 1, 2) = 4
  [1,1]   max(0, 1, 3, 4) = 4""".splitlines()
    )


def test_overlapping_windows_are_small_multiples() -> None:
    x = [[2, 3, 1, 4], [1, 7, 0, 2], [9, 6, 3, 4], [2, 8, 1, 7]]
    assert (
        page(Request("sum", Sliding(3, 1)), x)[2:19]
        == """\
  ‹2›‹3›‹1› 4       2 ‹3›‹1›‹4›
  ‹1›‹7›‹0› 2       1 ‹7›‹0›‹2›
  ‹9›‹6›‹3› 4       9 ‹6›‹3›‹4›
   2  8  1  7       2  8  1  7

  →  32            →  30

   2  3  1  4       2  3  1  4
  ‹1›‹7›‹0› 2       1 ‹7›‹0›‹2›
  ‹9›‹6›‹3› 4       9 ‹6›‹3›‹4›
  ‹2›‹8›‹1› 7       2 ‹8›‹1›‹7›

  →  37            →  38

  output
   32  30
   37  38""".splitlines()
    )


def test_the_windows_in_the_picture_are_told_first() -> None:
    lines = page(Request("max", Sliding(3, 1)), np.arange(64).reshape(8, 8) % 7)
    named = [line.split()[0] for line in lines if re.match(r"  \[\d,\d\] +max", line)]
    assert named == ["[0,0]", "[0,1]", "[1,0]", "[1,1]"]
    assert "          … and 32 more windows: --all prints them, --step walks through them" in lines


@pytest.mark.parametrize("at", [(0, 0), (0, 9), (17, 3), (31, 31)])
def test_a_step_shows_the_windows_around_it(at: tuple[int, int]) -> None:
    (explained,) = explain(Request("max", Sliding(2)), np.arange(4096).reshape(64, 64))
    screen = Screen(io.StringIO(), terminal=False)
    block = step_page(explained, Box((0, 0), (32, 32)), at, "1 of 1", screen)
    lines = list(plain_lines(block, ascii_only=False))
    corner = 64 * 2 * at[0] + 2 * at[1]
    marked = [number for line in lines for number in re.findall(r"‹(\d+)›", line)]
    assert marked == [str(corner + offset) for offset in (0, 1, 64)]
    others = re.findall(r" (\d+) ", " ".join(lines))
    assert len(others) > 40  # windows around it, not lit


def test_steps_of_draws_keep_their_lines() -> None:
    (explained,) = explain(Request("stochastic", Sliding(2)), SEED)
    screen = Screen(io.StringIO(), terminal=False)
    pages = [
        step_page(explained, Box((0, 0), (2, 2)), at, "", screen) for at in explained.positions()
    ]
    assert len({len(block) for block in pages}) == 1


def test_a_line_of_cells_has_stairs() -> None:
    lines = page(Request("max", Sliding(3, 2)), [2, 7, 1, 4, 9, 3, 5])
    assert (
        lines[2:6]
        == """\
              2    7    1    4    9    3    5
  [0]        ‹2›  [7]  ‹1›                        →  7
  [1]                  ‹1›  ‹4›  [9]              →  9
  [2]                            [9]  ‹3›  ‹5›    →  9""".splitlines()
    )


def test_a_volume_lies_in_slices() -> None:
    x = np.arange(32).reshape(2, 4, 4)[:, ::-1]
    lines = page(Request("max", Sliding(2), layout="DHW"), x)
    assert lines[2].split() == ["depth", "0", "depth", "1"]
    assert (
        lines[3:7]
        == """\
   12  13   14  15     28 [29]  30 [31]        depth 0
    8   9   10  11     24  25   26  27    →    29   31

    4   5    6   7     20 [21]  22 [23]        21   23""".splitlines()
    )
    assert "  size    ⌊(2 − 2) / 2⌋ + 1 = 1   in depth" in lines
    assert "  size    ⌊(4 − 2) / 2⌋ + 1 = 2   in height and in width" in lines


def test_draws_have_percents_and_bars() -> None:
    lines = page(Request("stochastic", Sliding(2)), SEED)
    assert (
        lines[2:6]
        == """\
    1    3     2    4
    7%  20%   22%  44%
    5   [6]   [1]   2            6        1
   33%  40%   11%  22%         E 4.73   E 2.78""".splitlines()
    )
    bars = [re.fullmatch(r"  \[.,.\]   (│.*│)   (drew .*)", line) for line in lines]
    found = [bar for bar in bars if bar]
    assert [bar[2] for bar in found] == [
        "drew 6 with 6/15",
        "drew 1 with 1/9",
        "drew 4 with 4/9",
        "drew 4 with 4/8",
    ]
    for bar in found:
        parts = bar[1].strip("│").split("│")
        numbers = [int(part.strip(" []")) for part in parts]
        widths = [len(part) for part in parts]
        assert len(bar[1]) == 36
        for number, width in zip(numbers, widths, strict=True):
            assert width == pytest.approx(sum(widths) * number / sum(numbers), abs=1)


def test_padding_dropped_and_missing_cells_have_their_signs() -> None:
    padded = page(Request("max", Sliding(2, padding=1)), SEED)
    assert padded[2:4] == ["   ·  ·   ·  ·   ·  ·", "   · [1] [3] 2  [4] ·         1   3   4"]
    dropped = page(Request("max", Sliding(2)), np.arange(9).reshape(3, 3))
    assert dropped[2] == "   0  1  (2)"
    assert "  dropped 1 row and 1 column, which no window covers" in dropped
    missing = page(Request("max", Sliding(2), nan="skip"), [[1, np.nan], [3, 4]])
    assert missing[2] == "     1 (nan)   →    4"
    assert "  cells in ( ) are missing and do not count" in missing


@pytest.mark.parametrize(
    ("asked", "shape", "notes"),
    [
        (
            Request("max", Sliding(2)),
            (512, 512),
            ["… and 65532 more windows: --all prints them, --step walks through them"],
        ),
        (Request("max", Sliding(2)), (8, 8, 3), ["each of the 3 channels alike"]),
        (
            Request("max", Sliding(2), layout="NCHW"),
            (5, 4, 8, 8),
            ["the first plane, each of the 5 of the batch alike, each of the 4 channels alike"],
        ),
        (Request("max", Sliding(2)), (2, 2), []),
    ],
)
def test_what_is_not_shown_is_said(
    asked: Request, shape: tuple[int, ...], notes: list[str]
) -> None:
    text = " ".join(" ".join(page(asked, np.zeros(shape, int))).split())
    for note in notes:
        assert note in text
    assert ("shown:" in text or "more windows" in text) == bool(notes)


CASES: list[tuple[Geometry, tuple[int, ...]]] = [
    (Sliding(2), (512, 512)),
    (Sliding(64, 1), (512, 512)),
    (Sliding(3, 1, 1, 2), (512, 512)),
    (Global(), (512, 512)),
    (Sliding(2), (16, 16, 16)),
    (Sliding(3, 2, 1), (16, 16, 16)),
    (Global(), (16, 16, 16)),
    (Sliding(5, 3), (400,)),
    (Sliding(64), (400,)),
    (Global(), (400,)),
    (Adaptive(7), (50, 30)),
    (Fractional(9), (40, 30)),
    (Sliding((3, 1)), (3, 300)),
    (Sliding(2, 5), (64, 64)),
]
VALUES = {
    "small": lambda r, shape: r.integers(0, 10, shape),
    "bytes": lambda r, shape: r.integers(0, 256, shape).astype(np.uint8),
    "long": lambda r, shape: r.normal(0, 1e12, shape),
    "tiny": lambda r, shape: r.normal(0, 1e-7, shape).astype(np.float32),
}


@pytest.mark.parametrize(("geometry", "shape"), CASES)
def test_a_page_is_no_wider_than_80_and_no_longer_than_60(
    geometry: Geometry, shape: tuple[int, ...]
) -> None:
    number = CASES.index((geometry, shape))
    ops = ("max", "avg", "stochastic", "soft")
    # Each op with each kind of values, in half of the cases.
    pairs = [
        (op, kind)
        for (i, op), (j, kind) in itertools.product(enumerate(ops), enumerate(VALUES))
        if FUZZ > 1 or (i + j + number) % 2 == 0
    ]
    every(pairs, lambda pair: check_the_page(*pair, geometry, shape))


def check_the_page(op: str, kind: str, geometry: Geometry, shape: tuple[int, ...]) -> None:
    x = VALUES[kind](np.random.default_rng(0), shape)
    params = {"negatives": "shift"} if op == "stochastic" else {}
    asked = Request(op, geometry, layout=LAYOUTS[len(shape)], params=params)
    lines = page(asked, x)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 60
    (explained,) = explain(asked, x)
    box = Box((0,) * len(shape), explained.shape)
    last = tuple(n - 1 for n in explained.shape)
    step = step_page(
        explained, box, last, "9 of 9", Screen(io.StringIO(), terminal=False, word=as_typed)
    )
    assert width_of(step) <= 80
    assert len(step) <= 60


@pytest.mark.parametrize("levels", [(1, 2), (1, 2, 4), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_levels_share_a_page(levels: tuple[int, ...]) -> None:
    asked = Request("avg", Pyramid(levels))
    lines = page(asked, np.random.default_rng(0).random((40, 40)))
    assert len(lines) <= 60
    assert "  level 1×1" in lines
    assert any("more levels: --all" in line for line in lines) == (len(levels) > 3)
    whole = page(asked, np.random.default_rng(0).random((8, 8)), every=True)
    assert [line for line in whole if line.startswith("  level")] == [
        f"  level {n}×{n}" for n in levels
    ]


@pytest.mark.parametrize("geometry", [Sliding(2), Sliding(3, 2), Sliding(2, 1), Adaptive(11)])
@pytest.mark.parametrize("shape", [(11, 40), (60,), (4, 8, 12)])
def test_all_windows_are_there_when_told(geometry: Geometry, shape: tuple[int, ...]) -> None:
    if isinstance(geometry, Adaptive) and len(shape) == 3:
        geometry = Adaptive((3, 5, 7))
    x = np.arange(np.prod(shape)).reshape(shape) % 10
    asked = Request("max", geometry, layout=LAYOUTS[len(shape)])
    lines = page(asked, x, every=True)
    (explained,) = explain(asked, x)
    named = [line.split()[0] for line in lines if re.match(r"  \[[\d,]+\] +max", line)]
    assert named == [f"[{','.join(map(str, at))}]" for at in explained.positions()]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_its_page(op: str) -> None:
    lines = page(Request(op, Sliding(2)), SEED)
    assert lines[0].startswith(f"  {op} 2×2 stride 2")
    assert "  size    ⌊(4 − 2) / 2⌋ + 1 = 2   in height and in width" in lines


def _styles(text: str) -> list[tuple[str, tuple[int, ...] | None, bool]]:
    """Every character that is no space with its ground and whether it is bold."""
    found = []
    ground: tuple[int, ...] | None = None
    bold = False
    for codes, plain in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b])", text):
        if plain:
            if not plain.isspace():
                found.append((plain, ground, bold))
            continue
        numbers = [int(code) for code in codes.split(";") if code]
        if numbers in ([], [0]):
            ground, bold = None, False
        if 48 in numbers:
            at = numbers.index(48)
            ground = tuple(numbers[at + 2 : at + 5])
        bold = bold or 1 in numbers[:1]
    return found


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_colours_of_the_four_windows() -> None:
    text = on_screen(Request("max", Sliding(2)), SEED)
    rows = [_styles(line) for line in text.split("\n")[2:7]]
    strong, tint = ([_rgb(one) for one in column] for column in list(zip(*HUES, strict=True))[:2])
    picture = [[ground for _, ground, _ in row] for row in (rows[0], rows[1], rows[3], rows[4])]
    assert picture == [
        [tint[0], tint[0], tint[1], strong[1]],
        [tint[0], strong[0], tint[1], tint[1], strong[0], strong[1]],
        [tint[2], strong[2], tint[3], tint[3], strong[2], strong[3]],
        [tint[2], tint[2], tint[3], strong[3]],
    ]
    assert "[4]" not in ESCAPES.sub("", text)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "linux", "COLORTERM": ""}])
def test_without_colours_there_are_signs(variables: dict[str, str]) -> None:
    text = on_screen(Request("max", Sliding(2)), SEED, **variables)
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", text)  # weight, and nothing else
    assert ESCAPES.sub("", text).rstrip("\n").split("\n") == page(Request("max", Sliding(2)), SEED)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 24), (200, 100)])
@pytest.mark.parametrize(("geometry", "shape"), CASES)
def test_a_page_fits_the_window(
    width: int, height: int, geometry: Geometry, shape: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).integers(0, 100, shape)
    text = on_screen(Request("max", geometry, layout=LAYOUTS[len(shape)]), x, width, height)
    lines = ESCAPES.sub("", text).rstrip("\n").split("\n")
    assert max(map(len, lines)) <= min(width, 80)
    assert len(lines) <= min(max(height, 24) - 1, 60) or width < 80 or len(shape) == 3


def test_a_stream_without_unicode() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    explained = explain(Request("avg", Sliding(2, padding=1)), SEED - 2)
    screen = Screen(stream, terminal=False, word=as_typed)
    screen.show(explanation_page(explained, [Box((0, 0), (3, 3))], screen))
    stream.seek(0)
    text = stream.read()
    assert "  size    floor((4 + 1 + 1 - 2) / 2) + 1 = 3   in height and in width" in text
    assert "->" in text


@pytest.mark.parametrize(
    ("asked", "x", "expected"),
    [
        (("max", Sliding(2)), SEED, "1  3   2 [4]\n   5 [6]  1  2         6   4"),
        (("sum", Sliding(3, 1)), SEED, "1  3  2  4\n   5  6  1  2    →    24  23"),
        (("avg", Global()), SEED, "1 3 2 4"),
        (("max", Sliding(2)), [1, 2, 3, 4, 5], "1 [2]  3 [4] (5)   →    2   4"),
    ],
)
def test_small_results_stand_beside_what_they_came_from(
    asked: tuple[str, Geometry], x: Any, expected: str
) -> None:
    array = np.asarray(x)
    result = pooled(array, *asked)._replace(source=array)
    text = terminal(result, NO_COLOR="1")
    assert " ".join(expected.split()) in " ".join(text.split())
    coloured = terminal(result, escapes=True)
    overlaps = asked[0] == "sum"
    assert ("48;2;" in coloured) != overlaps


@pytest.mark.parametrize(
    "result",
    [
        pooled(np.zeros((30, 300)), "max", Sliding(2)),
        pooled(np.zeros((4, 4, 3)), "max", Sliding(2)),
        pooled(np.zeros((4, 4), np.uint8), "max", Sliding(2), kind="image"),
    ],
)
def test_what_does_not_fit_beside_its_result_is_a_table(result: Any) -> None:
    source = np.zeros(result.plan.input_shape, result.plan.input_dtype)
    assert terminal(result._replace(source=source)) == terminal(result)
