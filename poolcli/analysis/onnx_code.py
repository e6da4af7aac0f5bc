"""Nodes of ONNX, operator set 22."""

from __future__ import annotations

from typing import Any

from poolcli.analysis.code import Layer, Steps, batch_shape, call, heading, layer_of
from poolcli.chains import ChainPlan

NAMES = {"max": "MaxPool", "avg": "AveragePool", "lp": "LpPool"}
# There is GlobalLpPool, too, but onnxruntime has none of this operator set.
GLOBAL = {"max": "GlobalMaxPool", "avg": "GlobalAveragePool"}


def write(plan: ChainPlan) -> str:
    """The source of a list of nodes from ``x`` to ``y``, which takes channels first."""
    nodes: list[tuple[str, dict[str, Any]]] = []
    for stage in plan.stages:
        layer = layer_of(stage, "onnx")
        nodes.append(_pool(layer))
        if not layer.keepdims:
            nodes.append(("Flatten", {"axis": 1}))
    names = ["x", *(f"y{number}" for number in range(1, len(nodes))), "y"]
    body = "".join(
        f"    {call('helper.make_node', op, [before], [after], **attributes)},\n"
        for (op, attributes), before, after in zip(nodes, names, names[1:], strict=False)
    )
    head = heading(plan, batch_shape(plan, "NCDHW"))
    return f"{head}\nfrom onnx import helper\n\nnodes = [\n{body}]\n"


def _pool(layer: Layer) -> tuple[str, dict[str, Any]]:
    name = NAMES.get(layer.op)
    if name is None:
        raise layer.refusal(f"no node pools by {layer.op}")
    own = _own_attributes(layer)
    if layer.whole and layer.op in GLOBAL:
        return GLOBAL[layer.op], own
    steps = layer.steps
    if steps is None:
        raise layer.refusal("windows of uneven size or at uneven steps")
    if layer.divisor is not None:
        raise layer.refusal("it takes no divisor")
    if any(max(pair) >= k for *pair, k in zip(steps.before, steps.after, steps.size, strict=True)):
        raise layer.refusal("onnxruntime wants padding smaller than the kernel")
    return name, _attributes(layer, steps) | own


def _own_attributes(layer: Layer) -> dict[str, Any]:
    if layer.op != "lp":
        return {}
    norm = layer.params["norm"]
    if norm != norm // 1 or norm == float("inf") or (layer.params["signed"] and norm % 2):
        raise layer.refusal("the norm of its LpPool is a whole number, of absolute values")
    return {"p": int(norm)}


def _attributes(layer: Layer, steps: Steps) -> dict[str, Any]:
    """The attributes that are not what they are by default."""
    ones = (1,) * layer.axes
    attributes: dict[str, Any] = {"kernel_shape": list(steps.size)}
    if steps.stride != ones:
        attributes["strides"] = list(steps.stride)
    if steps.padded:
        attributes["pads"] = [*steps.before, *steps.after]
    if steps.dilation != ones:
        attributes["dilations"] = list(steps.dilation)
    if any(steps.overhang):
        attributes["ceil_mode"] = 1
    if layer.count_include_pad and steps.padded:
        attributes["count_include_pad"] = 1
    return attributes
