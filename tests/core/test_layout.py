"""Layouts: every arrangement of the letters means what it says (S9)."""

import itertools

import numpy as np
import pytest
from naive import naive_pool
from naive_windows import DEFAULT_LAYOUTS, Refused, layout_of, sliding

from poolcli import global_pool, output_shape, pool
from poolcli.errors import PoolError
from poolcli.layout import Layout, channels_first_hint

LENGTHS = {"N": 2, "C": 3, "D": 4, "H": 5, "W": 6}


def every_layout():
    for spatial in ("W", "HW", "DHW"):
        for others in ("", "N", "C", "NC"):
            for letters in itertools.permutations(spatial + others):
                if "".join(letter for letter in letters if letter in "DHW") == spatial:
                    yield "".join(letters)


@pytest.mark.parametrize("layout", list(every_layout()))
def test_every_layout_pools_its_spatial_axes(layout):
    shape = tuple(LENGTHS[letter] for letter in layout)
    x = np.random.default_rng(len(layout)).permutation(int(np.prod(shape))).reshape(shape)
    y = pool(x, "max", 2, stride=2, layout=layout)
    np.testing.assert_array_equal(y, naive_pool(x, "max", sliding(2), layout=layout))
    assert output_shape(shape, 2, layout=layout) == y.shape
    dropped = global_pool(x, "sum", layout=layout)
    assert dropped.shape == tuple(LENGTHS[letter] for letter in layout if letter in "NC")
    spatial = tuple(i for i, letter in enumerate(layout) if letter in "DHW")
    np.testing.assert_array_equal(dropped, x.sum(axis=spatial))
    kept = global_pool(x, "sum", layout=layout, keepdims=True)
    np.testing.assert_array_equal(kept, x.sum(axis=spatial, keepdims=True))


@pytest.mark.parametrize("ndim", range(1, 6))
def test_without_a_layout_channels_are_last(ndim):
    x = np.random.default_rng(ndim).integers(0, 99, [4, 5, 6, 4, 3][:ndim])
    expected = pool(x, "max", 2, layout=DEFAULT_LAYOUTS[ndim])
    np.testing.assert_array_equal(pool(x, "max", 2), expected)


def test_every_other_word_is_refused():
    """All words of up to three letters, and some longer ones."""
    words = ["".join(w) for k in (1, 2, 3) for w in itertools.product("NCDHWX", repeat=k)]
    for word in [*words, "NHWCC", "NCWH", "HHWW", "WHC", "H W", "NC", "NWHC", "NDWC"]:
        x = np.zeros([4] * len(word))
        try:
            layout_of(x.ndim, word)
        except Refused:
            with pytest.raises(PoolError) as refusal:
                pool(x, "max", 2, layout=word)
            assert word in str(refusal.value)
            assert "\n" not in str(refusal.value)
        else:
            assert pool(x, "max", 2, layout=word).ndim == x.ndim


@pytest.mark.parametrize("layout", ["W", "HWC", "NCHW"])
def test_as_many_letters_as_axes(layout):
    with pytest.raises(PoolError, match=f"{layout}.*2"):
        pool(np.zeros((4, 4)), "max", 2, layout=layout)


@pytest.mark.parametrize("shape", [(), (2, 2, 2, 2, 2, 2)], ids=["0-d", "6-d"])
def test_no_axes_or_too_many(shape):
    with pytest.raises(PoolError, match=r"^[^\n]*(no axes|6)[^\n]*$"):
        pool(np.zeros(shape), "max", 1)
    with pytest.raises(PoolError):
        global_pool(np.zeros(shape), "max", layout="NCDHW")


@pytest.mark.parametrize(
    ("shape", "hinted"),
    [
        ((3, 224, 224), True),
        ((3, 240, 320), True),
        ((1, 28, 28), True),
        ((2, 8, 28, 28), True),
        ((1, 64, 56, 56), True),
        ((2, 16, 15, 10), True),
        ((2, 16, 7, 5), True),
        ((2, 8, 4, 28, 28), True),
        ((224, 224, 3), False),
        ((240, 320, 1), False),
        ((240, 320, 5), False),
        ((28, 28, 1), False),
        ((1, 4, 4, 8), False),
        ((1, 1, 1, 512), False),
        ((1, 3, 3, 512), False),
        ((16, 16, 10), False),
        ((8, 7, 7, 512), False),
        ((13, 9, 64), False),
        ((2, 4, 28, 28, 8), False),
    ],
    ids=str,
)
def test_what_looks_like_channels_first(shape, hinted):
    layout = Layout(DEFAULT_LAYOUTS[len(shape)])
    assert (channels_first_hint(layout, shape) is not None) == hinted
