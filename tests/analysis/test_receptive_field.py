"""Receptive fields against brute force: change one cell of the input, see which values change."""

import itertools
import random

import numpy as np
import pytest

from poolcli.analysis.receptive_field import jump, reach, receptive_field
from poolcli.analysis.summary import rows
from poolcli.chain_syntax import parse_chain
from poolcli.errors import InputError


def dependencies(text, n):
    """A row per cell of the input, a column per value of the result: does it depend on the cell?

    Each channel has a one in a cell of its own.
    """
    plan = parse_chain(text, layout="CW").plan((n, n), np.dtype(np.int64))
    return plan.run(np.eye(n, dtype=np.int64)) != 0


def extents(depends):
    cells = [np.flatnonzero(column) for column in depends.T]
    return [int(found[-1] - found[0] + 1) for found in cells]


def told(text, n):
    *_, row = rows(parse_chain(text, layout="W"), (n,))
    return row


def windows(text, n):
    plan = parse_chain(text, layout="W").plan((n,), np.dtype("f4"))
    return [stage.plan.parts[0].windows[0] for stage in plan.stages]


STAGES = [
    "sum 3/2 p1", "sum 2", "sum 3/1", "sum 3/1 d2", "sum 2/1 d3", "sum 5/3 p2", "sum 3/2 ceil",
    "sum 3/2 p2:0", "sum 2/3", "sum 3/2 psame", "sum 4/2 psame-lower", "sum 3/1 p1 d2",
    "adaptive sum 5", "adaptive sum 7", "fractional sum 6 size=2 seed=3", "fractional sum 8 seed=1",
    "global sum keep",
]  # fmt: skip
CHAINS = [" | ".join(stages) for stages in itertools.product(STAGES, STAGES)]
CHAINS += [" | ".join(random.Random(i).choices(STAGES, k=3)) for i in range(60)]


@pytest.mark.parametrize("n", [12, 29, 47])
def test_fields_are_those_of_brute_force(n):
    compared = 0
    for text in CHAINS:
        try:
            depends = dependencies(text, n)
        except InputError:
            continue
        assert told(text, n).field == (max(extents(depends)),), text
        compared += 1
    assert compared > 150


def test_reach_is_that_of_brute_force():
    text, n = "sum 3/2 p1 | adaptive sum 4 | sum 2/1", 31
    depends, stages = dependencies(text, n), windows(text, n)
    for i, column in enumerate(depends.T):
        cells = np.flatnonzero(column)
        assert reach(stages, i) == (cells[0], cells[-1])


@pytest.mark.parametrize(
    ("text", "n", "field", "step"),
    [
        ("max 3/2 p1", 224, 3, 2),
        ("max 3/2 p1 | avg 2", 224, 5, 4),
        ("max 3/1 d2 | max 3/1 d2", 100, 9, 1),
        ("max 7/2 p3 | max 3/2 p1 | avg 2", 224, 7 + 2 * 2 + 1 * 4, 8),
        ("adaptive max 3", 7, 3, 2),
        ("adaptive max 4", 10, 3, 7 / 3),
    ],
)
def test_fields_by_the_formula(text, n, field, step):
    stages = windows(text, n)
    assert receptive_field(stages) == field
    assert jump(stages) == pytest.approx(step)


def test_global_pooling_sees_what_is_left():
    assert told("global avg", 9).field == (9,)
    assert told("max 2 | global avg", 9).field == (8,)  # one cell is dropped before
    assert told("max 3/2 p1 | global avg", 9).field == (9,)
    assert told("global avg", 9).jump == (None,)


def test_a_pyramid_sees_what_its_coarsest_level_sees():
    assert told("max 2 | pyramid max 2,4", 16).field == (8,)
    assert told("max 2 | pyramid max 2,4 | max 2/1", 16).field == (16,)


def test_two_axes_are_told_apart():
    *_, row = rows(parse_chain("max 3x2/2x1 | max 2"), (20, 30, 5))
    assert row.field == (5, 3)
    assert row.jump == (4, 2)


def test_enormous_axes_cost_nothing():
    row = told("max 3/2 p1 | avg 2 | max 3/2 d3 psame", 2**50)
    assert row.field == (5 + 6 * 4,)


def test_padding_beyond_the_axis_is_not_seen():
    assert told("max 5/1 p4", 4).field == (4,)
    assert told("max 5/1 p4", 4).shape == (8,)
