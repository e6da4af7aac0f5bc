"""Layers of torch.nn, as the documentation of PyTorch 2 describes them."""

from __future__ import annotations

import math

from poolcli.analysis.code import (
    Layer,
    Steps,
    batch_shape,
    call,
    heading,
    layer_of,
    short,
    short_unless,
)
from poolcli.chains import ChainPlan
from poolcli.windows import Adaptive, Fractional

NAMES = {"max": "Max", "avg": "Avg"}


def write(plan: ChainPlan) -> str:
    """The source of an ``nn.Sequential`` that takes channels first."""
    lines = []
    for stage in plan.stages:
        layer = layer_of(stage, "torch")
        lines += _pools(layer)
        if not layer.keepdims:
            lines.append(call("nn.Flatten", -1 - layer.axes))
    body = "".join(f"    {line}{'' if line.startswith('#') else ','}\n" for line in lines)
    head = heading(plan, batch_shape(plan, "NCDHW"))
    return f"{head}\nfrom torch import nn\n\nmodel = nn.Sequential(\n{body})\n"


def _pools(layer: Layer) -> list[str]:
    geometry, name = layer.geometry, NAMES.get(layer.op)
    if name and (layer.whole or isinstance(geometry, Adaptive)):
        out = short([w.out for w in layer.windows])
        return [call(f"nn.Adaptive{name}Pool{layer.axes}d", out)]
    if isinstance(geometry, Fractional):
        return _fractional(layer)
    steps = layer.steps
    if steps is None:
        raise layer.refusal(f"{layer.op} with windows of uneven size")
    if layer.op == "max":
        return _max(layer, steps)
    if layer.op in ("avg", "sum"):
        return _avg(layer, steps)
    if layer.op == "lp":
        return _lp(layer, steps)
    raise layer.refusal(f"nothing pools by {layer.op}")


def _max(layer: Layer, steps: Steps) -> list[str]:
    return _padded(
        layer,
        steps,
        kind="Max",
        dilation=short_unless((1,) * layer.axes, steps.dilation),
    )


def _avg(layer: Layer, steps: Steps) -> list[str]:
    if max(steps.dilation) > 1:
        raise layer.refusal("its average pooling has no dilation")
    divisor = 1 if layer.op == "sum" else layer.divisor
    if divisor is not None and (layer.axes == 1 or divisor != int(divisor)):
        raise layer.refusal(f"its AvgPool{layer.axes}d cannot divide by {divisor:g}")
    counts = layer.count_include_pad or divisor is not None
    if not counts and not _takes(steps):
        raise layer.refusal("padding like this can only be a layer of zeros, which are counted")
    return _padded(
        layer,
        steps,
        kind="Avg",
        count_include_pad=None if counts or not steps.padded else False,
        divisor_override=None if divisor is None else int(divisor),
    )


def _lp(layer: Layer, steps: Steps) -> list[str]:
    norm = layer.params["norm"]
    if steps.padded or max(steps.dilation) > 1:
        raise layer.refusal("its Lp pooling has no padding and no dilation")
    if any(steps.overhang):
        raise layer.refusal("in ceil mode its Lp pooling scales the windows at the edge")
    if math.isinf(norm) or (norm % 2 and not layer.params["signed"]):
        raise layer.refusal(f"its Lp pooling takes x^{norm:g} with its sign; write signed")
    stride = short_unless(steps.size, steps.stride)
    return [call(f"nn.LPPool{layer.axes}d", norm, short(steps.size), stride=stride)]


def _fractional(layer: Layer) -> list[str]:
    if layer.op != "max" or layer.axes == 1:
        raise layer.refusal("its fractional pooling is for max, in two and three dimensions")
    size = short([w.largest for w in layer.windows])
    out = tuple(w.out for w in layer.windows)
    name = f"nn.FractionalMaxPool{layer.axes}d"
    return ["# draws samples of its own:", call(name, size, output_size=short(out))]


def _takes(steps: Steps) -> bool:
    """Whether the padding is what the layer itself takes."""
    return steps.symmetric and all(
        p <= k // 2 for p, k in zip(steps.before, steps.size, strict=True)
    )


def _padded(layer: Layer, steps: Steps, *, kind: str, **named: object) -> list[str]:
    """The pooling, and before it a layer that pads where the pooling itself cannot."""
    pools, padding = [], short_unless((0,) * layer.axes, steps.before)
    if not _takes(steps):
        pools.append(_pad_layer(layer, steps, '-float("inf")' if kind == "Max" else "0.0"))
        padding = None
    stride = short_unless(steps.size, steps.stride)
    ceil_mode = True if any(steps.overhang) else None
    size, name = short(steps.size), f"nn.{kind}Pool{layer.axes}d"
    pools.append(call(name, size, stride=stride, padding=padding, ceil_mode=ceil_mode, **named))
    return pools


def _pad_layer(layer: Layer, steps: Steps, value: str) -> str:
    for axis, after in enumerate(steps.after):
        next_start = steps.out[axis] * steps.stride[axis]
        if any(steps.overhang) and next_start < layer.windows[axis].n + steps.before[axis] + after:
            raise layer.refusal("with padding like this, its ceil mode has one more window")
    sides = [side for pair in zip(steps.before, steps.after, strict=True) for side in pair]
    pairs = [tuple(sides[i : i + 2]) for i in range(0, len(sides), 2)]
    flat = tuple(side for pair in reversed(pairs) for side in pair)
    return f"nn.ConstantPad{layer.axes}d({flat!r}, {value})"
