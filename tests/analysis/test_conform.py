"""One window under three sets of rules: what is marked, what is refused and what is said."""

import numpy as np
import pytest

from poolcli import pool
from poolcli.analysis.conform import compare
from poolcli.errors import InputError, UsageError
from poolcli.frameworks.table import TABLE
from poolcli.geometry import Sliding

X = np.arange(25.0).reshape(5, 5)


def judged(x, op, *window, layout=None, params=None, **asked):
    found = compare(x, op, Sliding(*window, **asked), layout=layout, params=params)
    assert [verdict.framework for verdict in found] == list(TABLE)
    by_name = {verdict.framework: verdict for verdict in found}
    return [by_name[name] for name in ("torch", "keras", "onnx")]


def test_all_alike():
    for verdict in judged(X, "max", 2, 2):
        np.testing.assert_array_equal(verdict.values, pool(X, "max", 2))
        assert not verdict.differs.any()
        assert verdict.why == ()
        assert verdict.refused is None


def test_cells_that_differ_are_marked():
    torch, keras, onnx = judged(X, "avg", 3, 2, 1)
    np.testing.assert_array_equal(
        torch.values, pool(X, "avg", 3, stride=2, padding=1, count_include_pad=True)
    )
    np.testing.assert_array_equal(onnx.values, pool(X, "avg", 3, stride=2, padding=1))
    middle = np.ones((3, 3), bool)
    middle[1, 1] = False
    np.testing.assert_array_equal(torch.differs, middle)
    np.testing.assert_array_equal(onnx.differs, middle)
    assert keras.refused == "its padding is 'valid' or 'same', not a number"
    assert (keras.values, keras.differs, keras.why) == (None, None, ())


def test_the_odd_one_out_is_marked_and_not_the_majority():
    x = np.array([[1.0, np.nan], [3, 4]])
    torch, keras, onnx = judged(x, "max", 2, 1)
    assert np.isnan(torch.values).all()
    assert keras.values.tolist() == [[4]]
    assert [v.differs.tolist() for v in (torch, keras, onnx)] == [[[False]], [[True]], [[False]]]


def test_nan_alone_is_the_lowest_number_to_tensorflow():
    x = np.full((2, 2), np.nan, np.float32)
    _, keras, _ = judged(x, "max", 2)
    assert keras.values.tolist() == [[np.finfo(np.float32).min]]


def test_default_strides_and_shapes_of_their_own():
    torch, keras, onnx = judged(X, "max", 2)
    assert [v.values.shape for v in (torch, keras, onnx)] == [(2, 2), (2, 2), (4, 4)]
    assert torch.why == ("without a stride it steps by the size: 2x2",)
    assert onnx.why == (
        "without a stride it steps by 1: 1x1",
        "no other framework gives this shape",
    )
    assert not onnx.differs.any()


def test_default_layouts():
    torch, keras, onnx = judged(np.zeros((4, 6, 8)), "max", 2, 2)
    assert [v.layout for v in (torch, keras, onnx)] == ["CHW", "HWC", "CHW"]
    assert [v.values.shape for v in (torch, keras, onnx)] == [(4, 3, 4), (2, 3, 8), (4, 3, 4)]
    assert "without a layout it reads 4x6x8 as HWC" in keras.why
    found = judged(np.zeros((4, 6, 8)), "max", 2, 2, layout="HWC")
    assert {v.layout for v in found} == {"HWC"}


@pytest.mark.parametrize(
    ("op", "asked", "framework", "words"),
    [
        ("max", {"size": 3, "padding": 2}, "torch", "up to half of the kernel, and 2 > 3/2"),
        ("max", {"size": 3, "padding": "same"}, "torch", "in numbers, not 'same'"),
        ("max", {"size": 3, "padding": ((0, 1), (0, 1))}, "torch", "0 before and 1 after"),
        ("avg", {"size": 2, "dilation": 2}, "torch", "only max pooling has dilation"),
        ("lp", {"size": 2, "padding": 1}, "torch", "its Lp pooling has no padding"),
        ("lp", {"size": 2, "params": {"norm": np.inf}}, "torch", "has no limit for inf"),
        ("max", {"size": 6}, "torch", "height: a kernel that covers 6 cells does not fit into 5"),
        ("lp", {"size": 2}, "keras", "it has no lp pooling"),
        ("max", {"size": 2, "ceil_mode": True}, "keras", "it has no ceil mode"),
        ("max", {"size": 2, "dilation": 2}, "keras", "its pooling has no dilation"),
        ("max", {"size": 2, "padding": "same-lower"}, "keras", "not 'same-lower'"),
        ("max", {"size": 2, "padding": 2}, "onnx", "2 is not smaller than 2"),
        ("max", {"size": 2, "padding": "center"}, "onnx", "no 'center'"),
        ("max", {"size": 1, "stride": 3, "padding": "same"}, "onnx", "would be -1"),
    ],
)
def test_refusals(op, asked, framework, words):
    found = {v.framework: v for v in judged(X, op, **asked)}
    assert words in found[framework].refused


@pytest.mark.parametrize(
    ("op", "asked", "framework", "words"),
    [
        ("avg", {"size": 3, "padding": 1}, "torch", "padding counts as zeros in the mean"),
        ("avg", {"size": 3, "padding": 1}, "onnx", "padding does not count in the mean"),
        ("avg", {"size": 2, "padding": "same"}, "keras", "padding never counts in the mean"),
        ("max", {"size": 3, "padding": 1}, "torch", "padding is -inf in max pooling"),
        ("max", {"size": 2, "stride": 2, "padding": "same"}, "keras", "goes after the input"),
        ("max", {"size": 2, "stride": 2, "padding": "same-lower"}, "onnx", "goes before"),
        ("max", {"size": 2, "padding": "same", "dilation": 2}, "onnx", "without its dilation"),
        ("max", {"size": 2, "stride": 2, "ceil_mode": True}, "torch", "past the end, if it starts"),
        ("avg", {"size": 2, "stride": 2, "ceil_mode": True}, "onnx", "never counts the cells"),
        ("max", {"size": 7, "stride": 3, "ceil_mode": True}, "torch", "may exceed the padded"),
        ("lp", {"size": 2, "stride": 2, "ceil_mode": True}, "torch", "scales the sum up"),
    ],
)
def test_reasons(op, asked, framework, words):
    found = {v.framework: v for v in judged(X, op, **asked)}
    assert any(words in why for why in found[framework].why)


def test_odd_norms():
    torch, _, onnx = judged(-X - 1, "lp", 2, params={"norm": 3})
    assert np.isnan(torch.values).all()
    assert (onnx.values > 0).all()
    assert any("with its sign" in why for why in torch.why)
    assert any("absolute values" in why for why in onnx.why)


def test_windows_of_padding_alone_are_no_pooling():
    torch, _, _ = judged(np.ones((1, 1)), "max", 2, 2, 1, 2)
    assert "nothing but padding" in torch.refused


@pytest.mark.parametrize(
    ("x", "op", "asked", "kind", "words"),
    [
        (X, "median", {"size": 2}, UsageError, "frameworks can be compared in max, avg, lp"),
        (X, "maxx", {"size": 2}, UsageError, "did you mean max?"),
        (X, "max", {"size": 0}, UsageError, "size 0"),
        (X, "max", {"size": (2, 2, 2)}, InputError, "size has 3 numbers"),
        (X, "max", {"size": 2, "padding": "some"}, UsageError, "padding 'some'"),
        (np.float64(1), "max", {"size": 2}, InputError, "no axes"),
        (X.astype(complex), "max", {"size": 2}, InputError, "complex128 cannot be pooled"),
    ],
)
def test_what_means_nothing_under_any_rules(x, op, asked, kind, words):
    with pytest.raises(kind) as refused:
        judged(x, op, **asked)
    assert words in str(refused.value)
