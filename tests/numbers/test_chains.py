"""Running chains: the same as pooling by hand, stage after stage."""

import numpy as np
import pytest

import poolcli
from poolcli import adaptive_pool, fractional_pool, global_pool, pool, pyramid_pool
from poolcli.chain_syntax import parse_chain
from poolcli.errors import InputError, UsageError

RNG = np.random.default_rng(5)
X = RNG.integers(-20, 20, (2, 13, 11, 3))


def by_hand(x, *stages):
    for stage in stages:
        x = stage(x)
    return x


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("max 3/2 p1", [lambda x: pool(x, "max", 3, stride=2, padding=1)]),
        (
            "max 3/2 p1 | avg 2 ceil | global avg",
            [
                lambda x: pool(x, "max", 3, stride=2, padding=1),
                lambda x: pool(x, "avg", 2, ceil_mode=True),
                lambda x: global_pool(x, "avg"),
            ],
        ),
        (
            "avg 3x2/1 psame count-include-pad | adaptive max 4x5",
            [
                lambda x: pool(x, "avg", (3, 2), stride=1, padding="same", count_include_pad=True),
                lambda x: adaptive_pool(x, "max", (4, 5)),
            ],
        ),
        (
            "fractional max 7 size=2 seed=4 | lp 2 norm=3 d2",
            [
                lambda x: fractional_pool(x, "max", 7, size=2, seed=4),
                lambda x: pool(x, "lp", 2, norm=3, dilation=2),
            ],
        ),
        (
            "max 2 | pyramid avg 1,2,4 | max 3/1",
            [
                lambda x: pool(x, "max", 2),
                lambda x: pyramid_pool(x, "avg", [1, 2, 4]),
                lambda x: pool(x, "max", 3, stride=1, layout="NWC"),
            ],
        ),
        (
            "global max keep | avg 3/1 p1",
            [
                lambda x: global_pool(x, "max", keepdims=True),
                lambda x: pool(x, "avg", 3, stride=1, padding=1),
            ],
        ),
    ],
)
def test_like_pooling_by_hand(text, stages):
    result, expected = poolcli.chain(X, text), by_hand(X, *stages)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    plan = parse_chain(text).plan(X.shape, X.dtype)
    assert (plan.output_shape, plan.output_dtype) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("text", ["max 2 | global avg", "pyramid max 1,3", "avg 3/2 p1 | max 2"])
@pytest.mark.parametrize("layout", ["NCHW", "HWCN", "CHNW", "NHWC"])
def test_the_layout_is_followed(text, layout):
    order = ["NHWC".index(letter) for letter in layout]
    plan = parse_chain(text, layout=layout).plan(X.transpose(order).shape, X.dtype)
    result = plan.run(X.transpose(order))
    assert result.shape == plan.output_shape
    plain = parse_chain(text).plan(X.shape, X.dtype)
    back = [plan.output_layout.index(letter) for letter in plain.output_layout]
    np.testing.assert_array_equal(result.transpose(back), plain.run(X))


def test_what_the_file_tells_is_the_layout_of_the_input_only():
    plan = parse_chain("max 2 | global avg").plan((3, 8, 8), np.dtype("u1"), "CHW")
    assert (plan.layout, plan.output_layout, plan.output_shape) == ("CHW", "C", (3,))


def test_one_number_can_be_left():
    assert poolcli.chain(np.arange(16.0).reshape(4, 4), "max 2 | global avg") == 10


def test_presets():
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    assert poolcli.chain(x, "avg 3 p1 | max 2", like="torch").shape == (1, 1, 1, 1)
    assert poolcli.chain(x, "max 2", like="onnx").shape == (1, 1, 7, 7)
    torch = poolcli.chain(x, "avg 3 p1", like="torch")
    np.testing.assert_array_equal(
        torch, pool(x, "avg", 3, padding=1, count_include_pad=True, layout="NCHW")
    )


def test_missing_values():
    x = np.array([[1.0, np.nan], [3, 4]])
    assert np.isnan(poolcli.chain(x, "max 2"))
    assert poolcli.chain(x, "max 2", nan="skip") == 4
    assert poolcli.chain(np.array([[-1, -1], [-1, 8]]), "avg 1 | max 2", nodata=-1) == 8
    with pytest.raises(InputError, match=r'^stage 1 "avg 2": NaN at height 0, width 1'):
        poolcli.chain(x, "avg 2", nan="error")


def test_the_last_stage_stores_as_asked():
    chain = parse_chain("avg 2 | avg 2")
    stored = type(chain)(chain.stages, dtype="uint8", fit="round").plan((4, 4), np.dtype("u1"))
    assert [stage.plan.output_dtype for stage in stored.stages] == ["float64", "uint8"]
    assert stored.run(np.full((4, 4), 7, np.uint8)).tolist() == [[7]]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "max 2 | avg 9",
            InputError,
            'stage 2 "avg 9": height: effective kernel 9 exceeds input 6',
        ),
        ("max 2x2x2x2", InputError, 'stage 1 "max 2x2x2x2": size has 4 numbers, the array has 2'),
        ("pyramid max 0", UsageError, 'stage 1 "pyramid max 0": levels 0'),
        ("lp 2 norm=0", UsageError, 'stage 1 "lp 2 norm=0": '),
    ],
)
def test_refusals_name_the_stage(text, kind, message):
    with pytest.raises(kind) as refused:
        poolcli.chain(X, text)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_a_plan_refuses_other_arrays():
    plan = parse_chain("max 2").plan((4, 4), np.dtype("f4"))
    with pytest.raises(InputError, match="planned for"):
        plan.run(np.zeros((4, 5), np.float32))


def test_the_function_stays_a_function():
    # A package called like the function would take its name once it is imported.
    assert poolcli.chain_syntax.parse_chain is parse_chain

    assert callable(poolcli.chain)
