"""The golden numbers of `tests/data/` (see make_goldens.py), each case in our own words."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.elsewhere import onnx, torch
from tests.spec.pooling import naive_pool
from tests.spec.windows import Refused, adaptive, fractional, sliding, whole

DATA = Path(__file__).parents[1] / "data"
GEOMETRIES = {"sliding": sliding, "whole": whole, "adaptive": adaptive, "fractional": fractional}
# Rounding of float32: torch and onnx compute in it, we compute exactly and round once.
RTOL = 2e-6
LAYOUTS = {"1d": "NCW", "2d": "NCHW", "3d": "NCDHW"}


@dataclass(frozen=True)
class Golden:
    """What a framework was asked and what it answered; `kind` is the geometry's name."""

    id: str
    framework: str
    function: str
    x: np.ndarray
    layout: str
    op: str
    kind: str
    geometry: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    expected: np.ndarray | None = None  # None: the framework refused
    indices: np.ndarray | None = None
    asked: dict[str, Any] | None = None  # what poolcli is asked with --like, if it is


@cache
def goldens() -> list[Golden]:
    return list(read_goldens())


def read_goldens() -> Iterator[Golden]:
    cases = json.loads((DATA / "goldens.json").read_text(encoding="utf-8"))["cases"]
    with np.load(DATA / "goldens.npz") as file:
        arrays = dict(file)
    at = {"values": 0, "indices": 0}

    def take(name: str, shape: list[int]) -> np.ndarray:
        start, at[name] = at[name], at[name] + math.prod(shape)
        return arrays[name][start : at[name]].reshape(shape)

    for number, case in enumerate(cases):
        answered = "refused" not in case
        say = torch if case["framework"] == "torch" else onnx
        yield Golden(
            id=f"{number}-{case['framework']}-{case['function']}-{case['input']}",
            framework=case["framework"],
            function=case["function"],
            x=arrays[case["input"]],
            layout=LAYOUTS[case["input"]],
            expected=take("values", case["shape"]) if answered else None,
            indices=take("indices", case["shape"]) if answered and case["indices"] else None,
            **say.in_our_words(case["function"], dict(case["args"])),
        )


def specified(golden: Golden) -> np.ndarray | None:
    """The answer of the plain loops; None where the rules have none."""
    windows = GEOMETRIES[golden.kind](**golden.geometry)
    x, op, options = golden.x, golden.op, golden.options
    return refused_or_given(
        lambda: naive_pool(x, op, windows, layout=golden.layout, **options), Refused
    )


def refused_or_given(question: Callable[[], Any], refusal: type[Exception]) -> Any:
    """The answer, or None for a refusal."""
    try:
        return question()
    except refusal:
        return None
