"""The same pooling in other libraries: goldens, campaigns and benchmarks ask for it here.

A library is one row, and one module of its name, which knows all that there is to know about
calling it. The module is loaded when it is asked for, and its library when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

Run = Callable[[], Any]


class Library(NamedTuple):
    """A library that pools: ``package`` is imported, ``distribution`` is installed."""

    title: str
    package: str
    distribution: str

    @property
    def installed(self) -> bool:
        return find_spec(self.package) is not None


LIBRARIES = {
    "torch": Library("PyTorch", "torch", "torch"),
    "keras": Library("Keras", "keras", "keras"),
    "tensorflow": Library("TensorFlow", "tensorflow", "tensorflow-cpu"),
    "onnx": Library("ONNX: the reference and the test suite", "onnx", "onnx"),
    "onnxruntime": Library("onnxruntime", "onnxruntime", "onnxruntime"),
    "skimage": Library("scikit-image", "skimage", "scikit-image"),
    "scipy": Library("SciPy", "scipy", "scipy"),
    "numpy": Library("NumPy", "numpy", "numpy"),
    "opencv": Library("OpenCV", "cv2", "opencv-python-headless"),
    "pillow": Library("Pillow", "PIL", "pillow"),
}


def prepare(
    library: str, function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None
) -> Run:
    """Make ready what a library's own function does to ``x``: what it gives is called to pool.

    ``args`` are the function's own, by its names. What a library refuses is an exception of its
    own, here or when the pooling is run. ``threads`` bounds those libraries that use several.
    """
    run: Run = import_module(f"{__name__}.{library}").prepare(function, x, args, threads)
    return run


def answers(library: str, function: str, x: np.ndarray, args: dict[str, Any]) -> list[np.ndarray]:
    """Give what a library's own function makes of ``x``: values, and positions if it gives them."""
    result = prepare(library, function, x, args)()
    return [np.asarray(part) for part in (result if isinstance(result, tuple | list) else [result])]


def versions(*packages: str) -> dict[str, str]:
    """Give the versions that numbers were computed with."""
    return {name: import_module(name).__version__ for name in packages}
