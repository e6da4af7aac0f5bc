"""ONNX: what its nodes ask for, models of one, and the reference that runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A node of that type by the reference, which knows no threads."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model(function, {"x": x}, args))
    return lambda: evaluator.run(None, {"x": x})


def model(function: str, inputs: dict[str, np.ndarray], args: dict[str, Any]) -> Any:
    """A model of one node; ``outputs`` of ``args`` says how many outputs are asked for."""
    from onnx import TensorProto, helper

    args = dict(args)
    names = ["values", "positions"][: args.pop("outputs", 1)]
    kinds = {name: helper.np_dtype_to_tensor_dtype(x.dtype) for name, x in inputs.items()}
    given = [helper.make_tensor_value_info(n, kinds[n], x.shape) for n, x in inputs.items()]
    results = [
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in zip(names, [next(iter(kinds.values())), TensorProto.INT64], strict=False)
    ]
    node = helper.make_node(function, list(inputs), names, **args)
    graph = helper.make_graph([node], "pool", given, results)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def in_our_words(function: str, args: dict[str, Any]) -> dict[str, Any]:
    """What is asked for: op, kind of windows, geometry and options."""
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
