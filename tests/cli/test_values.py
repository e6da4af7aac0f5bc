"""Sizes and paddings as typed."""

from __future__ import annotations

import pytest

from poolcli.checks import closest
from poolcli.errors import UsageError
from poolcli.notation import parse_counts, parse_padding


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2", 2),
        ("+2", 2),
        (" 2 ", 2),
        ("2x3", (2, 3)),
        ("2X3", (2, 3)),
        ("2×3", (2, 3)),
        ("2,3", (2, 3)),
        ("2, 3", (2, 3)),
        ("(2, 3)", (2, 3)),
        ("[1,2,3]", (1, 2, 3)),
        ("(2,)", 2),
        ("1x2x3", (1, 2, 3)),
        ("1x2x3x4", (1, 2, 3, 4)),
        ("1152921504606846976", 2**60),
    ],
)
def test_counts(text: str, meant: object) -> None:
    assert parse_counts(text, "--size") == meant


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "x",
            "2x",
            "x2",
            "2,",
            ",3",
            "(2, 3",
            "2, 3]",
            "()",
            "(2,,3)",
            "2x3,4",
            "two",
            "2.5",
            "0",
            "-1",
            "2x-1",
            "1_0",
            "٣",
            "²",
            "--2",
        ],
        *["1152921504606846977", "9" * 19, "9" * 5000, "-" + "9" * 5000, "2x" + "x" * 3000],
    ],
)
def test_counts_that_mean_nothing(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--size") as refusal:
        parse_counts(text, "--size")
    assert len(str(refusal.value)) < 200
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", 0),
        ("1x2", (1, 2)),
        ("1:2", ((1, 2),)),
        ("1:2,0:1", ((1, 2), (0, 1))),
        ("1:2, 0:1, 3:0", ((1, 2), (0, 1), (3, 0))),
        ("same", "same"),
        ("Same-Lower", "same-lower"),
        ("same-upper", "same-upper"),
        ("valid", "valid"),
    ],
)
def test_padding(text: str, meant: object) -> None:
    assert parse_padding(text, "--padding") == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "1,2",
        "1:2:3",
        ":",
        "1:",
        "1:2,",
        "1:2,3",
        "1:-2",
        "full",
        "samee",
        "1:" + "9" * 5000,
    ],
)
def test_padding_that_means_nothing(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--padding") as refusal:
        parse_padding(text, "--padding")
    assert len(str(refusal.value)) < 250


def test_closest_name() -> None:
    assert closest("Maxx", ["max", "min"]) == "; did you mean max?"
    assert closest("photo.png", ["max", "min"]) == ""
