"""Keras on TensorFlow: its defaults, its rules for windows and its layers.

Sources: the documentation of keras.layers' pooling layers (Keras 3) and of
tf.nn.max_pool_with_argmax, and what they do on TensorFlow (Keras 3.15, TensorFlow 2.21).
"""

from __future__ import annotations

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
    explicit,
)
from poolcli.geometry import Adaptive, Sliding
from poolcli.layout import CHANNELS_LAST
from poolcli.windows import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = {"max": "Max", "avg": "Average"}


def write(model: Sequential) -> str:
    """The source of a ``keras.Sequential`` that takes channels last."""
    lines = [line for layer in model.layers for line in _pools(layer)]
    order = "DHWC"
    sizes = dict(zip(model.layout, model.input_shape, strict=True)) | {"N": 0}
    sizes.setdefault("C", 1)
    shape = tuple(sizes[letter] for letter in order if letter in sizes)
    body = "".join(f"        {line},\n" for line in [call("keras.Input", shape), *lines])
    head = model.heading(model.batch_shape("NDHWC"))
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


def _refusals(_op: str, axes: Sequence[Axis], _params: Mapping[str, Any]) -> Iterator[str]:
    for axis in axes:
        yield from _axis_refusals(axis)


def _axis_refusals(axis: Axis) -> Iterator[str]:
    if axis.ceil_mode:
        yield "it has no ceil mode"
    if axis.dilation > 1:
        yield "its pooling has no dilation"
    if isinstance(axis.padding, str):
        if axis.padding != "same":
            yield f"its padding is 'valid' or 'same', not {axis.padding!r}"
    elif any(axis.padding):
        yield "its padding is 'valid' or 'same', not a number"


def _resolve_axis(axis: Axis) -> Windows:
    if isinstance(axis.padding, str):
        (windows,) = Sliding(axis.size, axis.stride, "same").resolve([axis.name], [axis.n])
        return windows
    return explicit(axis, 0, 0)


def _lowest_for_nan(case: Case, values: NDArray[Any]) -> NDArray[Any]:
    """TensorFlow begins with the lowest number, and of NaN nothing was larger."""
    if case.op != "max" or values.dtype.kind != "f":
        return values
    import numpy as np

    return np.where(np.isnan(values), np.finfo(values.dtype).min, values)


FRAMEWORK = Framework(
    preset=Preset(CHANNELS_LAST, index="channels-last"),
    refusals=_refusals,
    resolve_axis=_resolve_axis,
    reasons=(
        *READING,
        PADDED_MAX,
        (lambda c: c.op == "avg" and c.padded, "padding never counts in the mean"),
        *CEIL_MODE,
        (
            lambda c: c.has_nan and c.op == "max",
            "TensorFlow on a CPU leaves NaN out, and a window of NaN alone gives the lowest number",
        ),
    ),
    write=write,
    leaves_nan_out=("max",),
    finish=_lowest_for_nan,
)
