"""The table of a chain: a row a stage, and the mistakes that can be seen from shapes."""

from fractions import Fraction

import numpy as np
import pytest

import poolcli
from poolcli.analysis.summary import rows
from poolcli.chain_syntax import parse_chain
from poolcli.errors import InputError


def table(shape, text, **options):
    return list(rows(parse_chain(text, **options), shape))


def test_a_row_a_stage():
    given, first, second, third = table((224, 225, 64), "max 3/2 p1 | avg 2 | global avg")
    assert (given.stage, given.shape, given.layout) == ("input", (224, 225, 64), "HWC")
    assert (given.field, given.jump, given.kept) == ((1, 1), (1, 1), 1)
    assert (first.stage, first.shape, first.dropped) == ("max 3/2 p1", (112, 113, 64), {})
    assert second.dropped == {"width": 1}
    assert second.kept == Fraction(56 * 56, 224 * 225)
    assert (third.shape, third.layout, third.jump) == ((64,), "C", (None, None))


@pytest.mark.parametrize(
    "text", ["max 3/2 p1 | avg 2", "global max", "pyramid max 1,2 | max 2/1", "adaptive avg 3x5"]
)
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_shapes_are_those_of_running(text, layout):
    x = np.zeros((16, 17, 18))
    *_, last = table(x.shape, text, layout=layout)
    assert last.shape == poolcli.chain(x, text, layout=layout).shape
    assert last.kept == Fraction(int(np.prod(last.shape)), x.size)


def test_presets_choose_the_layout():
    given, row = table((3, 8, 10), "max 2", like="torch")
    assert (given.layout, row.shape) == ("CHW", (3, 4, 5))


def test_rows_come_as_far_as_the_chain_can_be_planned():
    found = rows(parse_chain("max 2 | max 9"), (8, 8))
    assert [next(found).stage, next(found).stage] == ["input", "max 2"]
    with pytest.raises(InputError, match='^stage 2 "max 9": height: '):
        next(found)


def warned(shape, text):
    return {row.stage: list(row.warnings) for row in table(shape, text) if row.warnings}


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((224, 224, 64), "max 3/2 p1 | avg 2 | global avg"),
        ((28, 28), "max 2 | max 2"),
        ((7, 7, 512), "global avg"),
        ((7, 7, 512), "adaptive avg 1"),
        ((7, 7, 512), "pyramid max 1,2,4"),
        ((32, 32), "max 2 | global max keep"),
        ((64,), "max 2"),
    ],
)
def test_sound_chains_pass_without_a_word(shape, text):
    assert warned(shape, text) == {}


@pytest.mark.parametrize(
    ("shape", "text", "stage", "warnings"),
    [
        (
            (8, 8),
            "max 8",
            "max 8",
            [
                "height and width: the window covers all 8 cells; if it is meant, use global",
                "only 1x1 is left of the map: hardly a position to tell apart",
            ],
        ),
        (
            (9, 20),
            "max 5x3",
            "max 5x3",
            ["height: the window covers 5 of 9 cells, too many to keep detail"],
        ),
        (
            (20, 20),
            "max 4/1 d5",
            "max 4/1 d5",
            ["height and width: the window covers 16 of 20 cells, too many to keep detail"],
        ),
        (
            (5, 5),
            "max 2",
            "max 2",
            ["only 2x2 is left of the map: hardly a position to tell apart"],
        ),
        (
            (256, 256, 3),
            "max 4 | max 4 | max 2",
            "max 4",
            ["only 0.391% of the input's values are left; fewer stages keep more"],
        ),
        (
            (9, 9),
            "global avg keep | max 1",
            "max 1",
            ["one value per channel goes in, so there is no position left to pool"],
        ),
        (
            (16, 16),
            "pyramid max 1,2,4 | max 2",
            "max 2",
            ["its windows reach across the levels of the pyramid, which lie side by side"],
        ),
    ],
)
def test_mistakes(shape, text, stage, warnings):
    assert warned(shape, text) == {stage: warnings}
