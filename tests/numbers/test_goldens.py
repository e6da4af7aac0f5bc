"""What torch, ONNX's reference and onnxruntime answered, cell by cell."""

import numpy as np
import pytest

from poolcli import adaptive_pool, fractional_pool, global_pool, pool
from poolcli.errors import PoolError
from tests.elsewhere.differences import named_differences
from tests.elsewhere.golden import RTOL, goldens, refused_or_given, specified
from tests.helpers.every import every

COMMANDS = {
    "sliding": pool,
    "whole": global_pool,
    "adaptive": adaptive_pool,
    "fractional": fractional_pool,
}


def answer(golden):
    options = {**golden.geometry, **golden.options, "layout": golden.layout}
    if golden.kind == "whole":
        options["keepdims"] = True
    return refused_or_given(
        lambda: COMMANDS[golden.kind](golden.x, golden.op, **options), PoolError
    )


def same(got, expected):
    if got is None or expected is None:
        return got is expected
    alike = got.shape == expected.shape and got.dtype == np.float32
    return alike and np.allclose(got, expected, rtol=RTOL, atol=0, equal_nan=True)


@pytest.mark.parametrize("part", range(12))
def test_same_as_the_framework(part):
    every(goldens()[part::12], same_as_the_framework, told=lambda golden: golden.id)


def same_as_the_framework(golden):
    got = answer(golden)
    if not same(got, golden.expected):
        assert named_differences(golden)
        assert same(got, specified(golden))


INDEXED = [g for g in goldens() if g.indices is not None and g.kind == "sliding"]


@pytest.mark.parametrize("part", range(8))
def test_same_indices_as_the_framework(part):
    every(INDEXED[part::8], same_indices_as_the_framework, told=lambda golden: golden.id)


def same_indices_as_the_framework(golden):
    convention = "plane" if golden.framework == "torch" else "tensor"
    options = {**golden.geometry, "layout": golden.layout, "index": convention}
    try:
        _, got = pool(golden.x, "max", return_indices=True, **options)
    except PoolError:
        assert named_differences(golden)
        return
    assert np.array_equal(got, golden.indices) or named_differences(golden)
