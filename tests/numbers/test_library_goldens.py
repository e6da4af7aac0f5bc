"""What Keras, TensorFlow, scikit-image, SciPy and NumPy answered."""

import json
import math

import numpy as np
import pytest

from poolcli import adaptive_pool, global_pool, pool
from tests.elsewhere.differences import LIBRARY_DIFFERENCES
from tests.elsewhere.golden import DATA

RTOL = 2e-6  # of float32, in which they compute


def read_cases():
    cases = json.loads((DATA / "libraries.json").read_text(encoding="utf-8"))["cases"]
    with np.load(DATA / "libraries.npz") as file:
        arrays = dict(file)
    at = {}
    for number, case in enumerate(cases):
        answers = []
        for how in case["answers"]:
            kept = "int32" if how["dtype"] == "int64" else how["dtype"]
            start = at.get(kept, 0)
            at[kept] = start + math.prod(how["shape"])
            part = arrays[f"answers {kept}"][start : at[kept]]
            answers.append(part.reshape(how["shape"]).astype(how["dtype"]))
        case["name"] = f"{number}-{case['library']}-{case['function']}-{case['input']}"
        yield {**case, "x": arrays[f"input {case['input']}"], "answers": answers}


CASES = list(read_cases())


def of(*libraries):
    chosen = [case for case in CASES if case["library"] in libraries]
    assert chosen
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case["name"])


def is_named(name, library):
    return any(d.name == name and library in d.frameworks for d in LIBRARY_DIFFERENCES)


def assert_same(got, expected, *, same_type=True, rtol=RTOL):
    assert got.shape == expected.shape
    assert not same_type or got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)


@of("keras")
def test_keras(case):
    x, args, function = case["x"], case["args"], case["function"]
    op = "max" if "Max" in function else "avg"
    options = {"like": "keras"} | ({"layout": "NWC"} if x.ndim == 3 else {})
    if function.startswith("Global"):
        got = global_pool(x, op, keepdims=args["keepdims"], **options)
    elif function.startswith("Adaptive"):
        got = adaptive_pool(x, op, args["output_size"], **options)
    else:
        options |= {"stride": args["strides"], "padding": args["padding"]}
        got = pool(x, op, args["pool_size"], **options)
    expected = case["answers"][0]
    if case["input"] == "nan":
        assert is_named("NaN in max pooling", "keras")
        lost = np.isnan(got)
        assert lost.any()
        assert not lost.all()
        assert_same(got[~lost], expected[~lost])
    elif case["input"] == "endless":
        assert is_named("the smallest number instead of minus infinity", "keras")
        assert np.isneginf(got).any()
        assert_same(np.maximum(got, np.finfo(np.float32).min), expected)
    else:
        assert_same(got, expected)


@of("tensorflow")
def test_tensorflow(case):
    x, args = case["x"], case["args"]
    windows = {"stride": args["strides"], "padding": args["padding"].lower()}
    y, indices = pool(x, "max", args["ksize"], like="keras", return_indices=True, **windows)
    if args["include_batch_in_index"]:
        indices = indices + np.arange(len(x))[:, None, None, None] * x[0].size
    assert_same(y, case["answers"][0])
    np.testing.assert_array_equal(indices, case["answers"][1])


@of("skimage")
def test_scikit_image(case):
    x, size = case["x"], case["args"]["block_size"]
    op = {"mean": "avg"}.get(case["args"]["func"], case["args"]["func"])
    missing = [-n % k for n, k in zip(x.shape, size, strict=True)]
    if any(missing):
        assert is_named("blocks past the end are filled with zeros", "skimage")
        x = np.pad(x, [(0, more) for more in missing])
    assert_same(pool(x, op, tuple(size)), case["answers"][0])


@of("scipy")
def test_scipy(case):
    x, args, function = case["x"], case["args"], case["function"]
    size, cells = args["size"], args["size"] ** 2
    expected = case["answers"][0]
    if function.endswith("filter"):
        before = size // 2
        expected = expected[before:, before:][: x.shape[0] - size + 1, : x.shape[1] - size + 1]
    if function == "median_filter":
        assert cells % 2 or is_named("medians of an even number of cells", "scipy")
        got = pool(x, "median", size, stride=1, method="higher")
    elif function == "percentile_filter":
        assert is_named("ranks of percentiles", "scipy")
        rank = cells * args["percentile"] // 100
        got = pool(x, "quantile", size, stride=1, q=rank / (cells - 1), method="nearest")
    elif function == "iqr":
        high, low = (pool(x, "quantile", size, stride=1, q=q) for q in (0.75, 0.25))
        got = high - low
    elif function == "pmean":
        got = pool(x, "gem", size, stride=1, p=3.0)
    else:
        op = {"maximum_filter": "max", "minimum_filter": "min", "uniform_filter": "avg"}
        got = pool(x, op.get(function, function), size, stride=1)
    assert_same(got, expected)


@of("numpy")
def test_numpy(case):
    x, args = case["x"], dict(case["args"])
    op = {"ptp": "range"}.get(case["function"], case["function"])
    expected = case["answers"][0]
    if op == "range" and x.dtype.kind in "iu":
        assert is_named("ranges of integers", "numpy")
        expected = expected.astype(np.uint64)
    got = pool(x, op, tuple(args.pop("size")), stride=1, **args)
    # NumPy's own float32 is not asked for what float64 answers exactly.
    rounded = x.dtype == np.float32 and op != "range"
    assert_same(got, expected.astype(np.float32) if rounded else expected)


def test_every_library_difference_has_a_library():
    libraries = {case["library"] for case in CASES}
    assert all(set(d.frameworks) <= libraries for d in LIBRARY_DIFFERENCES)
