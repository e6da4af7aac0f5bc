"""The golden numbers of `tests/data/` (see make_goldens.py), each case in our own words."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

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
        say = torch_words if case["framework"] == "torch" else onnx_words
        yield Golden(
            id=f"{number}-{case['framework']}-{case['function']}-{case['input']}",
            framework=case["framework"],
            function=case["function"],
            x=arrays[case["input"]],
            layout=LAYOUTS[case["input"]],
            expected=take("values", case["shape"]) if answered else None,
            indices=take("indices", case["shape"]) if answered and case["indices"] else None,
            **say(case["function"], dict(case["args"])),
        )


def torch_words(function: str, args: dict[str, Any]) -> dict[str, Any]:
    op = next(word for word in ("max", "avg", "lp") if word in function)
    options = {}
    if function.startswith("adaptive"):
        return {"op": op, "kind": "adaptive", "geometry": args}
    if function.startswith("fractional"):
        geometry = {"size": args["kernel_size"], "output_size": args["output_size"]}
        return {
            "op": op,
            "kind": "fractional",
            "geometry": {**geometry, "samples": args["samples"]},
        }
    if op == "lp":
        options = {"norm": args.pop("norm_type"), "signed": True}
    if op == "avg":
        options = {"count_include_pad": args.pop("count_include_pad", True)}
        if "divisor_override" in args:
            options["divisor"] = args.pop("divisor_override")
    args["size"] = args.pop("kernel_size")
    return {"op": op, "kind": "sliding", "geometry": args, "options": options}


def onnx_words(function: str, args: dict[str, Any]) -> dict[str, Any]:
    op = next(word for word in ("Max", "Average", "Lp") if word in function)
    op = {"Max": "max", "Average": "avg", "Lp": "lp"}[op]
    if function.startswith("Global"):
        return {"op": op, "kind": "whole", "geometry": {}}
    words = {"SAME_UPPER": "same", "SAME_LOWER": "same-lower", "VALID": "valid"}
    axes = len(args["kernel_shape"])
    if "auto_pad" in args:
        padding: Any = words[args["auto_pad"]]
    else:
        pads = args.get("pads", [0] * 2 * axes)
        padding = tuple(zip(pads[:axes], pads[axes:], strict=True))
    geometry = {
        "size": args["kernel_shape"],
        "stride": args["strides"],
        "padding": padding,
        "dilation": args.get("dilations", 1),
        "ceil_mode": bool(args.get("ceil_mode", 0)),
    }
    options = {}
    if "count_include_pad" in args:
        options["count_include_pad"] = bool(args["count_include_pad"])
    if op == "lp":
        options["norm"] = args.get("p", 2)
    return {"op": op, "kind": "sliding", "geometry": geometry, "options": options}


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
