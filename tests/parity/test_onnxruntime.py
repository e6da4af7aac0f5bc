"""Thousands of random poolings, as onnxruntime does them, and MaxUnpool."""

from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("onnxruntime") is None or find_spec("onnx") is None:
    pytest.skip("onnxruntime is not installed; make parity installs it", allow_module_level=True)

from poolcli import pool, unpool
from tests.parity.onnxruntime_cases import onnxruntime_case, run_node
from tests.parity.random_inputs import LAYOUTS, random_array
from tests.parity.verdict import check, compared

CONFIGURATIONS = 3000


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_pooling_as_onnxruntime(seed):
    check(onnxruntime_case(seed))


@pytest.mark.parametrize("seed", range(200))
def test_unpool_as_onnxruntime(seed):
    """Into the size of what was pooled, which onnxruntime is told and poolcli too."""
    rng = np.random.default_rng([2193, seed])
    axes = int(rng.integers(1, 4))
    shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), *rng.integers(4, 9, axes).tolist())
    x = random_array(rng, shape, np.dtype("f4"), "quarters")
    size = int(rng.integers(1, 4))
    windows = {"stride": int(rng.integers(1, size + 1)), "layout": LAYOUTS[axes], "like": "onnx"}
    y, indices = pool(x, "max", size, return_indices=True, **windows)
    attributes = {"kernel_shape": [size] * axes, "strides": [windows["stride"]] * axes}
    given = {"y": y, "indices": indices, "shape": np.array(x.shape)}
    results = run_node("MaxUnpool", attributes, given)
    compared["onnxruntime"] += 1
    got = unpool(y, indices, size, output_size=x.shape[2:], **windows)
    np.testing.assert_array_equal(got, results[0])
