"""What frameworks do by default, in one word: torch, keras or onnx.

Sources: the documentation of torch.nn.MaxPool2d, AvgPool2d and LPPool2d, of keras.layers'
pooling layers and tf.nn.max_pool_with_argmax, and ONNX's MaxPool, AveragePool and LpPool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from poolcli.checks import one_of
from poolcli.layout import CHANNELS_FIRST, CHANNELS_LAST

INDEX_CONVENTIONS = ("plane", "tensor", "channels-last")


@dataclass(frozen=True)
class Preset:
    """Defaults that an explicit option wins over."""

    layouts: Mapping[int, str] = field(default_factory=lambda: CHANNELS_LAST)
    """The layout of an array by its number of axes."""
    unit_stride: bool = False
    """Whether the stride is 1 when none is given, rather than the size."""
    count_include_pad: bool = False
    index: str = "plane"
    params: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of ops' own parameters, where an op has them."""


PRESETS = {
    "torch": Preset(CHANNELS_FIRST, count_include_pad=True, params={"signed": True}),
    "keras": Preset(CHANNELS_LAST, index="channels-last"),
    "onnx": Preset(CHANNELS_FIRST, unit_stride=True, index="tensor"),
}
PLAIN = Preset()
_ALSO = {"pytorch": "torch", "tensorflow": "keras", "tf": "keras", "onnxruntime": "onnx"}


def preset_name(name: str | None) -> str | None:
    """The name of a preset as it is written here, of one that people may write otherwise.

    >>> preset_name("PyTorch"), preset_name("Keras"), preset_name("caffe")
    ('torch', 'keras', 'caffe')
    """
    if not isinstance(name, str):
        return name
    known = _ALSO.get(name.lower(), name.lower())
    return known if known in PRESETS else name


def find_preset(name: str | None) -> Preset:
    """The preset of that name; plain defaults for None.

    >>> find_preset("onnx").unit_stride
    True
    """
    if name is None:
        return PLAIN
    one_of("like", known := preset_name(name), tuple(PRESETS))
    return PRESETS[str(known)]
