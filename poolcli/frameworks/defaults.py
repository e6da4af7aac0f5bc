"""What frameworks do by default, in one word: the name of the framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from poolcli.errors import UsageError
from poolcli.frameworks.table import find_framework
from poolcli.layout import CHANNELS_LAST

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


PLAIN = Preset()


def preset_name(name: str | None) -> str | None:
    """The name of a preset as it is written here, of one that people may write otherwise.

    >>> preset_name("PyTorch"), preset_name("Keras"), preset_name("caffe")
    ('torch', 'keras', 'caffe')
    """
    try:
        return name if name is None else find_framework("like", name).name
    except UsageError:
        return name


def find_preset(name: str | None) -> Preset:
    """The preset of that name; plain defaults for None.

    >>> find_preset("onnx").unit_stride
    True
    """
    return PLAIN if name is None else find_framework("like", name).load().preset
