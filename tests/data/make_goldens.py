"""Make `goldens.json` and `goldens.npz`: how PyTorch, ONNX's reference and onnxruntime pool.

Run once, by hand, in an environment of its own; the tests need neither framework:

    pip install torch==2.13.0 onnx==1.22.0 onnxruntime==1.31.1
    python -m tests.data.make_goldens

A case names the framework's function and its own arguments, nothing of ours. Inputs and outputs are
stored as flat float32 and int64 in the .npz, in order; the .json says which part is whose.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from tests.elsewhere import answers, versions

HERE = Path(__file__).parent
SHAPES = {"1d": (1, 2, 11), "2d": (1, 2, 7, 8), "3d": (1, 1, 5, 4, 6)}
Case = dict[str, Any]


def make_inputs() -> dict[str, np.ndarray]:
    """Small quarters, many ties, both signs: sums are exact, so only meaning can differ."""
    rng = np.random.default_rng(20130116)
    return {
        name: (rng.integers(-24, 40, shape) / 4).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def some(options: list[Any], count: int, seed: str) -> list[Any]:
    return random.Random(seed).sample(options, min(count, len(options)))


def torch_cases() -> list[Case]:
    """A spread of the arguments PyTorch accepts (padding up to half a kernel)."""
    cases: list[Case] = []
    for d in (1, 2, 3):
        grid = itertools.product((1, 2, 3), (1, 2, 3, 4), (0, 1), (1, 2), (False, True))
        windows = [
            {"kernel_size": k, "stride": s, "padding": p, "dilation": r, "ceil_mode": c}
            for k, s, p, r, c in grid
            if p <= k // 2
        ]
        for args in some(windows, 28, f"max{d}"):
            cases.append({"function": f"max_pool{d}d", "args": args})
        undilated = [{**w} for w in windows if w["dilation"] == 1]
        for args in some(undilated, 20, f"avg{d}"):
            chosen = {**args, "count_include_pad": len(cases) % 2 == 0}
            if d > 1 and len(cases) % 5 == 0:
                chosen["divisor_override"] = 5
            del chosen["dilation"]
            cases.append({"function": f"avg_pool{d}d", "args": chosen})
        unpadded = [w for w in undilated if w["padding"] == 0]
        for args in some(unpadded, 8, f"lp{d}"):
            p = (1, 2, 3, 4)[len(cases) % 4]
            lp = {"norm_type": p, **{k: args[k] for k in ("kernel_size", "stride", "ceil_mode")}}
            cases.append({"function": f"lp_pool{d}d", "args": lp})
        for o in (1, 2, 3, 5, 9):
            cases.append({"function": f"adaptive_avg_pool{d}d", "args": {"output_size": o}})
            cases.append({"function": f"adaptive_max_pool{d}d", "args": {"output_size": o}})
    for kernel, stride in (((2, 3), (1, 2)), ((3, 1), (2, 3)), ((1, 4), (4, 1))):
        args = {"kernel_size": kernel, "stride": stride, "padding": 0, "ceil_mode": True}
        cases.append({"function": "max_pool2d", "args": args})
        cases.append({"function": "avg_pool2d", "args": args})
    for d, samples in ((2, (0.3, 0.62)), (2, (0.0, 0.99)), (3, (0.1, 0.5, 0.8))):
        for k, o in ((2, 2), (2, 3), (1, 4), (3, 1)):
            args = {"kernel_size": k, "output_size": o, "samples": samples}
            cases.append({"function": f"fractional_max_pool{d}d", "args": args})
    return [{"framework": "torch", "input": case["function"][-2:], **case} for case in cases]


def onnx_cases() -> list[Case]:
    """Asymmetric pads, dilation, ceil mode, automatic padding, pads larger than half a kernel."""
    cases: list[Case] = []
    for d in (1, 2, 3):
        pads = [[b] * d + [a] * d for b, a in ((0, 0), (1, 1), (0, 1), (1, 0), (2, 1))]
        if d > 1:
            pads.append([1, 0, 2][:d] + [0, 2, 1][:d])
        grid = itertools.product((2, 3), (1, 2, 3), pads, (1, 2), (0, 1))
        windows = [
            {
                "kernel_shape": [k] * d,
                "strides": [s] * d,
                "pads": p,
                "dilations": [r] * d,
                "ceil_mode": c,
            }
            for k, s, p, r, c in grid
        ]
        for args in some(windows, 24, f"onnx max{d}"):
            cases.append({"function": "MaxPool", "input": f"{d}d", "args": args})
        for args in some(windows, 24, f"onnx avg{d}"):
            counted = {**args, "count_include_pad": len(cases) % 2}
            cases.append({"function": "AveragePool", "input": f"{d}d", "args": counted})
        for args in some(windows, 8, f"onnx lp{d}"):
            cases.append(
                {"function": "LpPool", "input": f"{d}d", "args": {**args, "p": 1 + len(cases) % 3}}
            )
        for word, k, s in itertools.product(
            ("SAME_UPPER", "SAME_LOWER", "VALID"), (2, 3), (1, 2, 3)
        ):
            args = {"kernel_shape": [k] * d, "strides": [s] * d, "auto_pad": word}
            function = ("MaxPool", "AveragePool")[len(cases) % 2]
            cases.append({"function": function, "input": f"{d}d", "args": args})
        cases.append({"function": "GlobalAveragePool", "input": f"{d}d", "args": {}})
        cases.append({"function": "GlobalMaxPool", "input": f"{d}d", "args": {}})
    return [{"framework": name, **case} for case in cases for name in ("onnx", "onnxruntime")]


def run(case: Case, x: np.ndarray) -> list[np.ndarray]:
    """The result, and for max pooling its indices."""
    function, args = case["function"], dict(case["args"])
    if function == "MaxPool":
        args["outputs"] = 2
    elif case["framework"] == "torch" and "max" in function:
        args["return_indices"] = True
    return answers(case["framework"], function, x, args)


def main() -> None:
    inputs, done = make_inputs(), []
    values: list[np.ndarray] = []
    indices: list[np.ndarray] = []
    for case in torch_cases() + onnx_cases():
        try:
            results = run(case, inputs[case["input"]])
        except Exception as error:  # what a framework refuses is a result too
            done.append({**case, "refused": type(error).__name__})
            continue
        done.append({**case, "shape": list(results[0].shape), "indices": len(results) > 1})
        values.append(results[0].astype(np.float32).ravel())
        if len(results) > 1:
            indices.append(results[1].astype(np.int32).ravel())
    np.savez_compressed(
        HERE / "goldens.npz",
        values=np.concatenate(values),
        indices=np.concatenate(indices),
        **inputs,
    )
    made_by = versions("torch", "onnx", "onnxruntime", "numpy")
    lines = ",\n".join(json.dumps(case) for case in done)
    (HERE / "goldens.json").write_text(
        f'{{"versions": {json.dumps(made_by)},\n"cases": [\n{lines}\n]}}\n', encoding="utf-8"
    )
    print(f"{len(done)} cases, {sum('refused' in case for case in done)} refused")


if __name__ == "__main__":
    main()
