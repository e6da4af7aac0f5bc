"""Make `conform.json` and `conform.npz`: how PyTorch, Keras and onnxruntime pool one window each.

Run once, by hand, in an environment of its own; the tests need none of them:

    pip install torch==2.13.0 tensorflow-cpu==2.21.0 keras==3.15.1 onnx==1.22.0 onnxruntime==1.31.1
    python -m tests.data.make_conform

A case is what `poolcli conform` is asked; what is None is left to the framework's own default. Its
answers are stored as flat float32 in the .npz, in order; a framework that refuses, that has no
argument for what is asked or that gives no values has null in the .json instead of a shape.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

from tests.elsewhere import answers, versions

HERE = Path(__file__).parent
Case = dict[str, Any]


class NoArgument(Exception):
    """The framework has no argument for this."""


def make_inputs() -> dict[str, np.ndarray]:
    """Batch and channels first; small quarters of both signs, so that sums are exact."""
    rng = np.random.default_rng(20250922)
    shapes = {"1d": (1, 2, 9), "2d": (1, 2, 5, 6), "nan": (1, 1, 6, 6)}
    inputs = {
        name: (rng.integers(-24, 40, shape) / 4).astype(np.float32)
        for name, shape in shapes.items()
    }
    inputs["nan"][0, 0, [0, 0, 1, 1, 4, 5], [0, 1, 0, 1, 3, 4]] = np.nan
    return inputs


def make_cases() -> list[Case]:
    """A spread of what can be asked."""
    grid = itertools.product(
        ("1d", "2d", "nan"),
        ("max", "avg", "lp"),
        (1, 2, 3, 7),
        (None, 1, 2, 3, 4),
        (None, 1, 2, "same", "same-lower", [0, 1]),
        (1, 2),
        (False, True),
        (2, 3),
    )
    names = ("input", "op", "size", "stride", "padding", "dilation", "ceil", "norm")
    cases = [dict(zip(names, values, strict=True)) for values in grid]
    cases = [c for c in cases if (c["op"] == "lp" or c["norm"] == 2) and sensible(c)]
    plain = [c for c in cases if plain_enough(c)]
    others = [c for c in cases if not plain_enough(c)]
    draw = random.Random(2019)
    return draw.sample(plain, 110) + draw.sample(others, 310)


def plain_enough(case: Case) -> bool:
    """Whether every framework has arguments for it, or nearly."""
    return case["dilation"] == 1 and not case["ceil"] and case["padding"] in (None, "same")


def sensible(case: Case) -> bool:
    """Fewer kernels that fit nowhere, and NaN in max pooling only."""
    if case["input"] == "nan" and case["op"] != "max":
        return False
    return case["size"] != 7 or (case["dilation"] == 1 and case["ceil"] != (case["stride"] is None))


def ask_torch(x: np.ndarray, case: Case) -> np.ndarray:
    d, padding = x.ndim - 2, case["padding"]
    if isinstance(padding, str | list):
        raise NoArgument
    args: Case = {"kernel_size": case["size"], "ceil_mode": case["ceil"]}
    if case["stride"] is not None:
        args["stride"] = case["stride"]
    if padding is not None:
        args["padding"] = padding
    if case["dilation"] != 1:
        args["dilation"] = case["dilation"]
    if case["op"] == "lp":
        args["norm_type"] = case["norm"]
    if set(args) & {"max": set(), "avg": {"dilation"}, "lp": {"dilation", "padding"}}[case["op"]]:
        raise NoArgument
    return answers("torch", f"{case['op']}_pool{d}d", x, args)[0]


def ask_keras(x: np.ndarray, case: Case) -> np.ndarray:
    padding = {None: "valid", "same": "same"}.get(
        case["padding"] if not isinstance(case["padding"], list) else "", ""
    )
    if not padding or case["dilation"] != 1 or case["ceil"] or case["op"] == "lp":
        raise NoArgument
    kind = {"max": "Max", "avg": "Average"}[case["op"]]
    args: Case = {"pool_size": case["size"], "padding": padding}
    if case["stride"] is not None:
        args["strides"] = case["stride"]
    function = f"{kind}Pooling{x.ndim - 2}D"
    (y,) = answers("keras", function, np.moveaxis(x, 1, -1), args)
    return np.moveaxis(y, -1, 1)


def ask_onnx(x: np.ndarray, case: Case) -> np.ndarray:
    d, padding = x.ndim - 2, case["padding"]
    attributes: Case = {"kernel_shape": [case["size"]] * d, "ceil_mode": int(case["ceil"])}
    if case["stride"] is not None:
        attributes["strides"] = [case["stride"]] * d
    if isinstance(padding, str):
        words = {"same": "SAME_UPPER", "same-lower": "SAME_LOWER"}
        attributes["auto_pad"] = words[padding]
    elif padding is not None:
        before, after = padding if isinstance(padding, list) else (padding, padding)
        attributes["pads"] = [before] * d + [after] * d
    if case["dilation"] != 1:
        attributes["dilations"] = [case["dilation"]] * d
    if case["op"] == "lp":
        attributes["p"] = case["norm"]
    name = {"max": "MaxPool", "avg": "AveragePool", "lp": "LpPool"}[case["op"]]
    return answers("onnxruntime", name, x, attributes)[0]


ASK = {"torch": ask_torch, "keras": ask_keras, "onnx": ask_onnx}


def main() -> None:
    inputs, cases, values = make_inputs(), make_cases(), []
    for case in cases:
        case["answers"] = {}
        for framework, ask in ASK.items():
            try:
                y = ask(inputs[case["input"]], case)
            except Exception as error:  # frameworks refuse in many ways
                if not isinstance(error, NoArgument):
                    print(framework, case, str(error).splitlines()[-1][:120])
                y = np.empty(0, np.float32)
            case["answers"][framework] = list(y.shape) if y.size else None
            values.append(y.astype(np.float32).ravel())
    made_by = versions("torch", "tensorflow", "keras", "onnx", "onnxruntime", "numpy")
    lines = ",\n".join(json.dumps(case) for case in cases)
    text = f'{{"versions": {json.dumps(made_by)},\n"cases": [\n{lines}\n]}}\n'
    (HERE / "conform.json").write_text(text, encoding="utf-8")
    np.savez_compressed(HERE / "conform.npz", values=np.concatenate(values), **inputs)


if __name__ == "__main__":
    main()
