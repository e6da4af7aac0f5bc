"""Layers of Keras 3, as its documentation describes them."""

from __future__ import annotations

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
from poolcli.windows import Adaptive, Sliding

NAMES = {"max": "Max", "avg": "Average"}


def write(plan: ChainPlan) -> str:
    """The source of a ``keras.Sequential`` that takes channels last."""
    lines = [line for stage in plan.stages for line in _pools(layer_of(stage, "keras"))]
    order = "DHWC"
    sizes = dict(zip(plan.layout, plan.input_shape, strict=True)) | {"N": 0}
    sizes.setdefault("C", 1)
    shape = tuple(sizes[letter] for letter in order if letter in sizes)
    body = "".join(f"        {line},\n" for line in [call("keras.Input", shape), *lines])
    head = heading(plan, batch_shape(plan, "NDHWC"))
    imports = "import keras\nfrom keras import layers"
    return f"{head}\n{imports}\n\nmodel = keras.Sequential(\n    [\n{body}    ]\n)\n"


def _pools(layer: Layer) -> list[str]:
    name, d = NAMES.get(layer.op), f"{layer.axes}D"
    if name is None:
        raise layer.refusal(f"nothing pools by {layer.op}")
    if layer.whole:
        keepdims = True if layer.keepdims else None
        return [call(f"layers.Global{name}Pooling{d}", keepdims=keepdims)]
    if isinstance(layer.geometry, Adaptive):
        out = short([w.out for w in layer.windows])
        return [call(f"layers.Adaptive{name}Pooling{d}", out)]
    steps = layer.steps
    if steps is None:
        raise layer.refusal("windows at uneven steps")
    if max(steps.dilation) > 1:
        raise layer.refusal("its pooling has no dilation")
    if layer.divisor is not None:
        raise layer.refusal("it takes no divisor")
    return _slide(layer, steps, f"layers.{name}Pooling{d}")


def _slide(layer: Layer, steps: Steps, name: str) -> list[str]:
    size, strides = short(steps.size), short_unless(steps.size, steps.stride)
    valid = call(name, size, strides=strides)
    if not any(w.clipped() for w in layer.windows):
        return [valid]
    same = Sliding(steps.size, steps.stride, "same")
    cells = [w.n for w in layer.windows]
    equal = [w.starts for w in same.resolve(["axis"] * layer.axes, cells)] == [
        w.starts for w in layer.windows
    ]
    if equal and not (layer.count_include_pad and steps.padded):
        return [call(name, size, strides=strides, padding="same")]
    if any(steps.overhang):
        raise layer.refusal("it has no ceil mode, and padding='same' places windows elsewhere")
    if layer.count_include_pad:
        sides = tuple(zip(steps.before, steps.after, strict=True))
        zeros = sides[0] if layer.axes == 1 else sides
        return [call(f"layers.ZeroPadding{layer.axes}D", zeros), valid]
    raise layer.refusal(
        "it pads by padding='same' only, which places these windows elsewhere, and the zeros of "
        "a ZeroPadding layer would be pooled",
    )
