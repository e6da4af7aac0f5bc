"""Random poolings by onnxruntime, each with what was asked in the words of the design."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere.golden import Golden
from tests.elsewhere.onnx import in_our_words
from tests.elsewhere.onnxruntime import prepare_node
from tests.parity.random_inputs import LAYOUTS, random_array, random_shape

FUNCTIONS = {
    "MaxPool": 0.45,
    "AveragePool": 0.3,
    "LpPool": 0.15,
    "GlobalMaxPool": 0.05,
    "GlobalAveragePool": 0.05,
}
# What the CPU kernels of onnxruntime 1.31 take.
DTYPES = {"MaxPool": ["f2", "f4", "f4", "f8", "u1", "i1"]}
WORDS = ["SAME_UPPER", "SAME_LOWER", "VALID"]


def onnxruntime_case(seed: int) -> Golden:
    """One pooling with onnxruntime's answer to it, a function of the seed."""
    rng = np.random.default_rng([20170907, seed])
    function = str(rng.choice(list(FUNCTIONS), p=list(FUNCTIONS.values())))
    axes = int(rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25]))
    dtype = np.dtype(str(rng.choice(DTYPES.get(function, ["f2", "f4", "f4"]))))
    style = "quarters" if function == "LpPool" else None
    shape = random_shape(rng, axes)
    x = random_array(rng, (max(1, shape[0]), *shape[1:]), dtype, style)
    args = {} if function.startswith("Global") else random_attributes(rng, function, axes)
    results = run_onnxruntime(function, args, x, bool(rng.random() < 0.7))
    return Golden(
        id=f"{seed}-onnxruntime-{function}",
        framework="onnxruntime",
        function=function,
        x=x,
        layout=LAYOUTS[axes],
        expected=None if results is None else results[0],
        indices=results[1] if results and len(results) > 1 else None,
        **in_our_words(function, {"strides": [1] * axes, **args}),
        asked=asked(function, args),
    )


def random_attributes(rng: np.random.Generator, function: str, axes: int) -> dict[str, Any]:
    def each(values: list[int], odds: list[float]) -> list[int]:
        return rng.choice(values, size=axes, p=odds).tolist()

    args: dict[str, Any] = {"kernel_shape": each([1, 2, 3, 4], [0.1, 0.4, 0.35, 0.15])}
    if rng.random() < 0.7:
        args["strides"] = each([1, 2, 3, 4], [0.35, 0.35, 0.2, 0.1])
    if rng.random() < 0.2:
        args["auto_pad"] = str(rng.choice(WORDS))
    elif rng.random() < 0.6:
        beyond = int(rng.random() < 0.03)
        ends = [rng.integers(0, k + beyond) for k in args["kernel_shape"] * 2]
        args["pads"] = [int(min(p, 2)) for p in ends]
    if rng.random() < 0.3 and "auto_pad" not in args:
        args["dilations"] = each([1, 2, 3], [0.3, 0.5, 0.2])
    if rng.random() < 0.4 and "auto_pad" not in args:
        args["ceil_mode"] = 1
    if function == "AveragePool" and rng.random() < 0.5:
        args["count_include_pad"] = int(rng.random() < 0.7)
    if function == "LpPool" and rng.random() < 0.8:
        args["p"] = int(rng.integers(1, 5))
    return args


def asked(function: str, args: dict[str, Any]) -> dict[str, Any]:
    """The same for poolcli with --like onnx: what is not given here is not given there."""
    if function.startswith("Global"):
        return {}
    words = in_our_words(function, {"strides": [1], **args})
    given = {**words["geometry"], **words["options"]}
    for name, ours in (("strides", "stride"), ("pads", "padding"), ("dilations", "dilation")):
        if name not in args and not (name == "pads" and "auto_pad" in args):
            del given[ours]
    if "ceil_mode" not in args:
        del given["ceil_mode"]
    return given


def run_onnxruntime(
    function: str, args: dict[str, Any], x: np.ndarray, indices: bool
) -> list[np.ndarray] | None:
    outputs = 2 if function == "MaxPool" and indices else 1
    return run_node(function, {**args, "outputs": outputs}, {"x": x})


def run_node(
    function: str, args: dict[str, Any], inputs: dict[str, np.ndarray]
) -> list[np.ndarray] | None:
    """The results of a model of one node; None where it refuses."""
    try:
        results: list[np.ndarray] = prepare_node(function, inputs, args, threads=1)()
    except Exception as error:  # its own classes, which differ between versions
        if "onnxruntime" not in type(error).__module__:
            raise
        return None
    return results
