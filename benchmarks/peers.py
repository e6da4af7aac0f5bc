"""The same pooling through other libraries; each function returns one that can be timed.

Arrays are NCHW float32 unless said otherwise, without padding. Every library may use as many
threads as poolcli does, and whatever can be made before the first call is made before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Run = Callable[[], Any]


def torch_pool(x: np.ndarray, op: str, size: int, stride: int, threads: int) -> Run:
    import torch

    torch.set_num_threads(threads)
    function = {"max": torch.nn.functional.max_pool2d, "avg": torch.nn.functional.avg_pool2d}[op]
    tensor = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            return function(tensor, size, stride)

    return run


def torch_adaptive(x: np.ndarray, op: str, size: int, threads: int) -> Run:
    import torch

    torch.set_num_threads(threads)
    functional = torch.nn.functional
    function = {"max": functional.adaptive_max_pool2d, "avg": functional.adaptive_avg_pool2d}[op]
    tensor = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            return function(tensor, size)

    return run


def torch_median(x: np.ndarray, size: int, stride: int, threads: int) -> Run:
    """Of one H×W plane: torch has no median pooling; its users unfold the windows."""
    import torch

    torch.set_num_threads(threads)
    tensor = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            windows = tensor.unfold(0, size, stride).unfold(1, size, stride)
            return windows.reshape(*windows.shape[:2], -1).median(dim=-1).values

    return run


def onnxruntime_pool(x: np.ndarray, op: str, size: int, stride: int, threads: int) -> Run:
    node = {"max": "MaxPool", "avg": "AveragePool"}[op]
    return _onnxruntime(
        x, node, threads, kernel_shape=[size, size], strides=[stride, stride], pads=[0, 0, 0, 0]
    )


def onnxruntime_global(x: np.ndarray, op: str, threads: int) -> Run:
    return _onnxruntime(x, {"max": "GlobalMaxPool", "avg": "GlobalAveragePool"}[op], threads)


def _onnxruntime(x: np.ndarray, node_type: str, threads: int, **attributes: list[int]) -> Run:
    import onnx
    import onnxruntime

    element = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
    node = onnx.helper.make_node(node_type, ["x"], ["y"], **attributes)
    graph = onnx.helper.make_graph(
        [node],
        "pool",
        [onnx.helper.make_tensor_value_info("x", element, x.shape)],
        [onnx.helper.make_tensor_value_info("y", element, None)],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": x})[0]


def numpy_slices(x: np.ndarray, op: str, size: int, stride: int, first: int = 2) -> Run:
    """One whole-array ufunc per cell of the window, spatial axes from ``first`` on."""
    combine = {"max": np.maximum, "avg": np.add}[op]
    around = (slice(None),) * first
    counts = [(n - size) // stride + 1 for n in x.shape[first : first + 2]]

    def run() -> Any:
        total: Any = None
        for place in itertools.product(range(size), repeat=2):
            cut = tuple(
                slice(at, at + (n - 1) * stride + 1, stride)
                for at, n in zip(place, counts, strict=True)
            )
            cells = x[(*around, *cut)]
            total = cells.copy() if total is None else combine(total, cells, out=total)
        return total / x.dtype.type(size * size) if op == "avg" else total

    return run


def block_reduce(x: np.ndarray, op: str, block: tuple[int, ...]) -> Run:
    """scikit-image's pooling: windows that touch, and none that overlap."""
    from skimage.measure import block_reduce as reduce

    function = {"max": np.max, "avg": np.mean}[op]
    return lambda: reduce(x, block, function)


def scipy_median(x: np.ndarray, size: int, stride: int) -> Run:
    """Of one H×W plane; SciPy has no stride, so all windows are made and some taken."""
    from scipy.ndimage import median_filter

    return lambda: inside(median_filter(x, size), size, stride)


def opencv_median(x: np.ndarray, size: int, stride: int) -> Run:
    import cv2

    return lambda: inside(cv2.medianBlur(x, size), size, stride)


def inside(filtered: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Of a filter's results at every cell, those of windows that lie in the array."""
    low, high = size // 2, -(size // 2) or None
    return filtered[low:high:stride, low:high:stride]


def pillow_reduce(picture: np.ndarray, factor: int) -> Run:
    from PIL import Image

    image = Image.fromarray(picture)
    return lambda: image.reduce(factor)


def opencv_area(picture: np.ndarray, factor: int) -> Run:
    import cv2

    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    return lambda: cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def opencv_threads(threads: int) -> Run:
    import cv2

    return lambda: cv2.setNumThreads(threads)
