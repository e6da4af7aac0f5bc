"""What benchmarks time elsewhere is the same pooling: each library that is there agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli import adaptive_pool, global_pool, pool
from tests.elsewhere import LIBRARIES, answers

X = np.random.default_rng(11).random((2, 3, 12, 16), np.float32)
PLANE = X[0, 0]
PHOTO = np.random.default_rng(12).integers(0, 256, (12, 16, 3), np.uint8)
STEPS = {"kernel_size": 3, "stride": 2}
NODE = {"kernel_shape": [3, 3], "strides": [2, 2]}
TOUCHING = {"block_size": (1, 1, 2, 2)}


def bytes_of(array: np.ndarray) -> np.ndarray:
    """Averages as bytes, halves up, as libraries for pictures round."""
    return np.floor(array + 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    ("library", "function", "x", "args", "expected"),
    [
        ("torch", "max_pool2d", X, STEPS, pool(X, "max", 3, stride=2, layout="NCHW")),
        ("torch", "avg_pool2d", X, STEPS, pool(X, "avg", 3, stride=2, layout="NCHW")),
        (
            *("torch", "adaptive_avg_pool2d", X, {"output_size": 7}),
            adaptive_pool(X, "avg", 7, layout="NCHW"),
        ),
        ("torch", "unfold", PLANE, STEPS, pool(PLANE, "median", 3, stride=2)),
        ("onnxruntime", "MaxPool", X, NODE, pool(X, "max", 3, stride=2, layout="NCHW")),
        ("onnx", "AveragePool", X, NODE, pool(X, "avg", 3, stride=2, layout="NCHW")),
        (
            *("onnxruntime", "GlobalAveragePool", X, {}),
            global_pool(X, "avg", layout="NCHW", keepdims=True),
        ),
        (
            *("keras", "MaxPooling2D", PHOTO[None].astype("f4"), {"pool_size": 2}),
            pool(PHOTO, "max", 2)[None].astype("f4"),
        ),
        (
            *("tensorflow", "max_pool2d", PHOTO[None].astype("f4")),
            {"ksize": 2, "strides": 2, "padding": "VALID"},
            pool(PHOTO, "max", 2)[None].astype("f4"),
        ),
        (
            *("skimage", "block_reduce", X, {**TOUCHING, "func": "max"}),
            pool(X, "max", 2, layout="NCHW"),
        ),
        (
            *("skimage", "block_reduce", X, {**TOUCHING, "func": "mean"}),
            pool(X, "avg", 2, layout="NCHW"),
        ),
        (
            *("scipy", "median_filter", PLANE, {"size": 5, "stride": 2}),
            pool(PLANE, "median", 5, stride=2),
        ),
        ("scipy", "mode", PHOTO[..., 0], {"size": 2}, pool(PHOTO[..., 0], "mode", 2, stride=1)),
        (
            *("numpy", "slices", X, {"op": "max", "size": 3, "stride": 2}),
            pool(X, "max", 3, stride=2, layout="NCHW"),
        ),
        (
            *("numpy", "slices", X, {"op": "avg", "size": 3, "stride": 1}),
            pool(X, "avg", 3, stride=1, layout="NCHW"),
        ),
        (
            *("numpy", "slices", PHOTO, {"op": "max", "size": 2, "stride": 2, "first": 0}),
            pool(PHOTO, "max", 2),
        ),
        ("numpy", "ptp", PLANE, {"size": (2, 3)}, pool(PLANE, "range", (2, 3), stride=1)),
        (
            *("opencv", "medianBlur", PLANE, {"size": 5, "stride": 2}),
            pool(PLANE, "median", 5, stride=2),
        ),
        ("opencv", "INTER_AREA", PHOTO, {"factor": 2}, bytes_of(pool(PHOTO, "avg", 2))),
        ("pillow", "reduce", PHOTO, {"factor": 2}, bytes_of(pool(PHOTO, "avg", 2))),
    ],
)
def test_it_is_the_same_pooling(
    library: str, function: str, x: np.ndarray, args: dict[str, Any], expected: np.ndarray
) -> None:
    if not LIBRARIES[library].installed:
        pytest.skip(f"{LIBRARIES[library].distribution} is not installed; make parity has it")
    got = answers(library, function, x, args)[0]
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=2e-6)
