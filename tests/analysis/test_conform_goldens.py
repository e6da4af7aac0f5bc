"""Each framework's rules against the numbers of the framework itself (see make_conform.py)."""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli.analysis.conform import compare
from poolcli.geometry import Sliding
from tests.helpers.every import every

DATA = Path(__file__).parents[1] / "data"
LAYOUTS = {3: "NCW", 4: "NCHW"}


@cache
def cases() -> list[dict[str, Any]]:
    return list(read_cases())


def read_cases() -> Iterator[dict[str, Any]]:
    stored = json.loads((DATA / "conform.json").read_text(encoding="utf-8"))["cases"]
    with np.load(DATA / "conform.npz") as file:
        arrays = dict(file)
    place = 0
    for case in stored:
        case["x"] = arrays[case["input"]]
        for framework, shape in case["answers"].items():
            if shape is not None:
                start, place = place, place + math.prod(shape)
                case["answers"][framework] = arrays["values"][start:place].reshape(shape)
        yield case
    assert place == arrays["values"].size


def verdicts(case: dict[str, Any]) -> dict[str, Any]:
    x, padding = case["x"], case["padding"]
    if isinstance(padding, list):
        padding = (tuple(padding),) * (x.ndim - 2)
    window = Sliding(case["size"], case["stride"], padding, case["dilation"], case["ceil"])
    params = {"norm": case["norm"]} if case["op"] == "lp" else {}
    found = compare(x, case["op"], window, layout=LAYOUTS[x.ndim], params=params)
    return {verdict.framework: verdict for verdict in found}


def asked(case: dict[str, Any]) -> str:
    return " ".join(f"{k}={v}" for k, v in case.items() if k not in ("answers", "x"))


@pytest.mark.parametrize("part", range(20))
def test_the_rules_give_what_the_framework_gives(part):
    every(cases()[part::20], agree, told=asked)


def agree(case):
    found = verdicts(case)
    for framework in ("torch", "keras", "onnx"):
        agrees(case, framework, found[framework])


def agrees(case, framework, verdict):
    expected = case["answers"][framework]
    if framework == "onnx" and case["input"] == "nan" and expected is not None:
        # onnxruntime leaves NaN out or not by where it stands in a window; the verdict says so.
        assert any("NaN" in why for why in verdict.why)
        expected = np.where(np.isnan(verdict.values), np.nan, expected)
    if expected is None:
        assert verdict.refused
        assert verdict.values is None
    else:
        assert verdict.refused is None
        np.testing.assert_allclose(verdict.values, expected, rtol=3e-6)


def test_there_is_enough_of_everything():
    for framework in ("torch", "keras", "onnx"):
        answers = [case["answers"][framework] for case in cases()]
        refused = sum(answer is None for answer in answers)
        assert refused > 50
        assert len(answers) - refused > 50
