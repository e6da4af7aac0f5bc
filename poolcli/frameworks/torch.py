"""PyTorch: its defaults, its rules for windows and its layers.

Sources: the documentation of torch.nn's pooling layers (PyTorch 2), and what the functions of
torch.nn.functional do (2.13).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from poolcli.frameworks.defaults import Preset
from poolcli.frameworks.layers import Layer, Sequential, Steps, call, short, short_unless
from poolcli.frameworks.rules import (
    CEIL_MODE,
    PADDED_MAX,
    READING,
    Axis,
    Case,
    Framework,
    resolve_numbers,
)
from poolcli.geometry import Adaptive, Fractional
from poolcli.layout import CHANNELS_FIRST, Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = {"max": "Max", "avg": "Avg"}


def write(model: Sequential) -> str:
    """The source of an ``nn.Sequential`` that takes channels first."""
    lines = []
    for layer in model.layers:
        lines += _pools(layer)
        if not layer.keepdims:
            lines.append(call("nn.Flatten", -1 - layer.axes))
    body = "".join(f"    {line}{'' if line.startswith('#') else ','}\n" for line in lines)
    head = model.heading(model.batch_shape("NCDHW"))
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


def _refusals(op: str, axes: Sequence[Axis], params: Mapping[str, Any]) -> Iterator[str]:
    for axis in axes:
        yield from _axis_refusals(op, axis)
    if math.isinf(params.get("norm", 2.0)):
        yield "it raises cells to the norm, and has no limit for inf"


def _axis_refusals(op: str, axis: Axis) -> Iterator[str]:
    padding, size = axis.padding, axis.size
    if isinstance(padding, str):
        yield f"its pooling takes padding in numbers, not {padding!r}"
        return
    if padding[0] != padding[1]:
        yield f"it pads both sides alike, not {padding[0]} before and {padding[1]} after"
    if op == "lp" and max(padding) > 0:
        yield "its Lp pooling has no padding"
    if op != "max" and axis.dilation > 1:
        yield "of its poolings, only max pooling has dilation"
    if max(padding) > size // 2:
        yield f"it allows padding up to half of the kernel, and {max(padding)} > {size}/2"


def _scaled(case: Case, values: NDArray[Any]) -> NDArray[Any]:
    """Scale Lp windows that ceil mode lets reach past the end.

    It takes the mean over the real cells times the size of the kernel for the sum.
    """
    if case.op != "lp":
        return values
    import numpy as np

    scale = np.ones((1,) * len(case.layout))
    for axis, w in zip(Layout(case.layout).spatial, case.windows, strict=True):
        shape = [1] * len(case.layout)
        shape[axis] = w.out
        factors = [w.size(i) / w.real(i) for i in range(w.out)]
        scale = scale * np.array(factors).reshape(shape)
    factor = np.asarray(scale ** (1 / case.params.get("norm", 2.0)), values.dtype)
    return np.asarray(values * factor)


FRAMEWORK = Framework(
    preset=Preset(CHANNELS_FIRST, count_include_pad=True, params={"signed": True}),
    refusals=_refusals,
    resolve_axis=resolve_numbers,
    reasons=(
        *READING,
        PADDED_MAX,
        (
            lambda c: c.op == "avg" and c.padded,
            "padding counts as zeros in the mean (its count_include_pad is True by default)",
        ),
        *CEIL_MODE,
        (
            lambda c: c.op == "lp" and c.overhang,
            "where ceil mode clips a window it scales the sum up to a whole kernel",
        ),
        (
            lambda c: c.op == "lp" and c.params.get("norm", 2) % 2 != 0,
            "it sums x^p with its sign, and the root of a negative sum is NaN",
        ),
        (lambda c: c.has_nan and c.op == "max", "NaN is larger than any number"),
    ),
    write=write,
    finish=_scaled,
)
