"""Layouts: every arrangement of the letters means what it says (S9)."""

import itertools

import numpy as np
import pytest
from naive import naive_pool
from naive_windows import DEFAULT_LAYOUTS, Refused, layout_of, sliding

from poolcli import global_pool, output_shape, pool
from poolcli.errors import PoolError
from poolcli.layout import Layout, doubtful

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


# What people have, as it is stored; a default reading is right for the first lot, and wrong or
# impossible to tell for the second.
MAPS = [
    *((224, 224, 3), (240, 320, 3), (240, 320, 1), (240, 320, 5), (721, 1440, 12)),
    *((28, 28, 1), (28, 28, 64), (16, 16, 10), (32, 32, 64), (112, 112, 24), (13, 9, 64)),
    *((7, 7, 512), (14, 14, 1024), (15, 20, 512), (15, 20, 96), (8, 25, 25, 256)),
    *((200, 304, 256), (120, 160, 64), (32, 64, 512), (1, 112, 112, 144), (8, 7, 7, 512)),
    *((1, 1, 1, 512), (1, 3, 3, 512), (1, 4, 4, 8), (8, 28, 28, 64), (2, 4, 28, 28, 8)),
    (2, 2, 3),
]
STACKS = [
    # Time, perhaps level, latitude and longitude.
    *((8, 73, 144), (12, 721, 1440), (4, 8, 73, 144), (16, 64, 128), (365, 32, 64)),
    *((48, 96, 192), (60, 94, 192), (24, 192, 288), (2, 12, 721, 1440), (31, 181, 360)),
    # Slices and frames.
    *((5, 256, 300), (16, 100, 200), (64, 32, 48), (30, 512, 512), (300, 240, 320)),
    *((155, 240, 240), (2000, 300, 200), (90, 480, 640), (64, 128, 128), (100, 100, 100)),
    # Signals of a batch, which have no height.
    *((32, 100, 64), (8, 16000, 8)),
    # Channels first.
    *((3, 224, 224), (3, 240, 320), (1, 28, 28), (2, 8, 28, 28), (1, 64, 56, 56)),
    *(
        (2, 16, 15, 10),
        (2, 16, 7, 5),
        (2, 8, 4, 28, 28),
        (
            1,
            1,
            64,
            64,
            64,
        ),
    ),
]


@pytest.mark.parametrize("shape", MAPS, ids=str)
def test_no_warning_of_channels_last(shape):
    assert doubtful(Layout(DEFAULT_LAYOUTS[len(shape)]), shape) is None


@pytest.mark.parametrize("shape", STACKS, ids=str)
def test_a_warning_where_the_last_axis_does_not_look_like_channels(shape):
    layout = DEFAULT_LAYOUTS[len(shape)]
    said = doubtful(Layout(layout), shape)
    assert said is not None
    assert said.startswith(f"{'x'.join(map(str, shape))} was read as {layout}: ")
    assert f"{shape[-1]} does not look like channels" in said
    assert said.endswith(f"or --layout {layout} if this is right")
    assert "\n" not in said


@pytest.mark.parametrize("layout", ["W", "HW", "CHW", "NHW", "DHW", "WC", "NCHW", "NCDHW"])
def test_no_warning_of_other_layouts(layout):
    assert doubtful(Layout(layout), (8, 73, 144, 9, 9)[: len(layout)]) is None
