"""The golden numbers of `golden/` (see make_goldens.py), each case in the words of the design."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent / "golden"
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


@cache
def goldens() -> list[Golden]:
    return list(read_goldens())


def read_goldens() -> Iterator[Golden]:
    cases = json.loads((HERE / "goldens.json").read_text(encoding="utf-8"))["cases"]
    with np.load(HERE / "goldens.npz") as file:
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
        padding = tuple(zip(args["pads"][:axes], args["pads"][axes:], strict=True))
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
    if "p" in args:
        options["norm"] = args["p"]
    return {"op": op, "kind": "sliding", "geometry": geometry, "options": options}


@dataclass(frozen=True)
class Difference:
    """A place where a framework departs from the rules, and why the rules stay as they are."""

    name: str
    frameworks: tuple[str, ...]
    reason: str
    applies: Callable[[Golden], bool]


def explicit_axes(g: Golden) -> list[tuple[int, int, int, int, tuple[int, int]]]:
    """(cells, kernel, stride, effective kernel, pads) of each axis; none if padding is a word."""
    padding = g.geometry.get("padding", 0)
    if g.kind != "sliding" or isinstance(padding, str):
        return []
    axes = []
    for i, n in enumerate(g.x.shape[2:]):
        asked = (*(g.geometry[key] for key in ("size", "stride")), g.geometry.get("dilation", 1))
        size, stride, dilation, pads = (
            value if isinstance(value, int) else value[i] for value in (*asked, padding)
        )
        pads = (pads, pads) if isinstance(pads, int) else pads
        axes.append((n, size, stride, (size - 1) * dilation + 1, pads))
    return axes


def unit_steps(g: Golden) -> bool:
    return set(np.ravel(g.geometry["stride"])) == set(np.ravel(g.geometry["dilation"])) == {1}


DIFFERENCES = [
    Difference(
        "ceil mode lets a kernel exceed the padded input",
        ("torch", "onnxruntime", "onnx"),
        "They pool what there is if the stride is long; S2 refuses, as they do in floor mode.",
        lambda g: (
            any(e > n + sum(pads) for n, _, _, e, pads in explicit_axes(g))
            and g.geometry["ceil_mode"]
        ),
    ),
    Difference(
        "Lp pooling scales clipped windows",
        ("torch", "onnx"),
        "They take the mean of x^p over the real cells times the whole kernel; S13 and onnxruntime "
        "sum the real cells.",
        lambda g: g.op == "lp" and g.geometry["ceil_mode"],
    ),
    Difference(
        "three-dimensional fractional pooling wants a spare cell",
        ("torch",),
        "It refuses output + kernel - 1 = n, which its two-dimensional twin and S12 allow.",
        lambda g: g.function == "fractional_max_pool3d",
    ),
    Difference(
        "padding as large as the kernel is refused",
        ("onnxruntime",),
        "It limits every pad to the undilated kernel; S2 asks only that no window be empty.",
        lambda g: any(max(pads) >= k for _, k, _, _, pads in explicit_axes(g)),
    ),
    Difference(
        "the reference pools windows that hold nothing but padding",
        ("onnx",),
        "It gives NaN or 0 for them; S2 refuses, onnxruntime refuses the padding.",
        lambda g: any(max(pads) >= e for _, _, _, e, pads in explicit_axes(g)),
    ),
    Difference(
        "the reference's MaxPool with unit strides",
        ("onnx",),
        "Another code path: pads in another order and for two dimensions only, the index is that "
        "of the window, not of the winner. Elsewhere it agrees with S1 and S11.",
        lambda g: g.function == "MaxPool" and unit_steps(g),
    ),
    Difference(
        "the reference's MaxPool with SAME_LOWER",
        ("onnx",),
        "Its output is floor(n/s) and the odd cell goes after; the ONNX text, onnxruntime and S1 "
        "say ceil(n/s), before.",
        lambda g: g.function == "MaxPool" and g.geometry["padding"] == "same-lower",
    ),
    Difference(
        "the reference's SAME with windows that need no padding",
        ("onnx",),
        "Where stride exceeds kernel its padding is negative and moves the windows; S1 takes 0.",
        lambda g: (
            g.kind == "sliding"
            and g.geometry["padding"] in ("same", "same-lower")
            and g.geometry["stride"][0] > g.geometry["size"][0]
        ),
    ),
    Difference(
        "the reference's ceil mode moves the windows",
        ("onnx",),
        "It puts half of what ceil mode reaches past the end before the start.",
        lambda g: g.function in ("AveragePool", "LpPool") and g.geometry["ceil_mode"],
    ),
    Difference(
        "the reference's GlobalMaxPool knows two dimensions",
        ("onnx",),
        "It reduces axes 2 and 3 whatever there is.",
        lambda g: g.function == "GlobalMaxPool" and g.x.ndim != 4,
    ),
]


def named_differences(golden: Golden) -> list[str]:
    return [d.name for d in DIFFERENCES if golden.framework in d.frameworks and d.applies(golden)]
