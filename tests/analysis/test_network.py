"""Convolutions and dense layers: shapes, weights, multiply-adds and fields of known networks."""

from __future__ import annotations

import pytest

from poolcli.analysis.network import parse_network
from poolcli.analysis.summary import rows
from poolcli.errors import InputError, PoolError, UsageError


def table(shape, text, **options):
    return list(rows(parse_network(text, **options), shape))


def convs(*filters):
    return [f"conv 3 p1 x{n} bias" for n in filters]


VGG16 = " | ".join(
    [*convs(64, 64), "max 2", *convs(128, 128), "max 2", *convs(256, 256, 256), "max 2",
     *convs(512, 512, 512), "max 2", *convs(512, 512, 512), "max 2", "flatten",
     "dense 4096 bias", "dense 4096 bias", "dense 1000 bias"]
)  # fmt: skip


def test_vgg_16():
    # The summary of keras.applications.VGG16, and the totals of torchinfo.
    given, *layers = table((224, 224, 3), VGG16)
    assert given.weights == 0
    weights = [row.weights for row in layers if row.weights]
    assert weights == [
        *(1792, 36928, 73856, 147584, 295168, 590080, 590080, 1180160, 2359808, 2359808),
        *(2359808, 2359808, 2359808, 102764544, 16781312, 4097000),
    ]
    assert sum(weights) == 138_357_544
    assert sum(row.multiply_adds for row in layers) == 15_483_821_032
    last_pool = layers[17]
    assert (last_pool.shape, last_pool.field, last_pool.jump) == ((7, 7, 512), (212,) * 2, (32, 32))
    assert layers[18].shape == (25088,)
    assert layers[-1].field == (224, 224)


def test_vgg_16_without_biases():
    # Its multiply-adds as most papers give them: 15.3 G in convolutions, 123.6 M in dense layers.
    layers = table((224, 224, 3), VGG16.replace(" bias", ""))
    assert sum(row.multiply_adds for row in layers if row.layout == "HWC") == 15_346_630_656
    assert sum(row.multiply_adds for row in layers if row.layout == "C") == 123_633_664


def test_the_stem_of_resnet_50():
    _, conv, pool = table((224, 224, 3), "conv 7/2 p3 x64 | max 3/2 p1")
    assert (conv.shape, conv.weights, conv.multiply_adds) == ((112, 112, 64), 9408, 118_013_952)
    assert (conv.field, conv.jump) == ((7, 7), (2, 2))
    assert (pool.shape, pool.field, pool.jump) == ((56, 56, 64), (11, 11), (4, 4))


def bottlenecks(filters, count, stride):
    for number in range(count):
        step = stride if number == 0 else 1
        yield from (f"conv 1 x{filters}", f"conv 3/{step} p1 x{filters}", f"conv 1 x{4 * filters}")


def test_the_field_of_resnet_50_along_its_blocks():
    blocks = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]
    stages = ["conv 7/2 p3 x64", "max 3/2 p1"]
    stages += [stage for block in blocks for stage in bottlenecks(*block)]
    *_, last = table((1024, 1024, 3), " | ".join(stages))
    assert (last.shape, last.field, last.jump) == ((32, 32, 2048), (427, 427), (32, 32))


def test_the_field_of_alexnet():
    # 195 cells, as Araujo, Norris & Sim 2019 tell of it.
    text = "conv 11/4 x64 | max 3/2 | conv 5 p2 x192 | max 3/2 | conv 3 p1 x384"
    *_, last = table((500, 500, 3), f"{text} | conv 3 p1 x384 | conv 3 p1 x256 | max 3/2")
    assert (last.field, last.jump) == ((195, 195), (32, 32))


def test_global_pooling_saves_the_weights_of_a_flattened_map():
    *_, flat = table((7, 7, 512), "flatten | dense 1000")
    *_, pooled = table((7, 7, 512), "global avg | dense 1000")
    assert (flat.weights, pooled.weights) == (25_088_000, 512_000)
    assert flat.multiply_adds == 25_088_000
    assert flat.field == pooled.field == (7, 7)


@pytest.mark.parametrize(
    ("shape", "text", "out", "weights", "adds"),
    [
        # Conv2D(32, 3) of Keras on 28x28x1: 320 weights.
        ((28, 28, 1), "conv 3 x32 bias", (26, 26, 32), 320, 320 * 26 * 26),
        ((28, 28), "conv 3 x32", (26, 26, 32), 288, 288 * 26 * 26),
        ((56, 56, 64), "conv 3 p1 x128", (56, 56, 128), 73_728, 73_728 * 56 * 56),
        ((28, 28, 64), "conv 3 p1 x128", (28, 28, 128), 73_728, 73_728 * 28 * 28),
        ((112, 112, 32), "conv 3 p1 x32 groups=32", (112, 112, 32), 288, 288 * 112 * 112),
        ((10, 12, 4), "conv 3x1/2x3 psame x6", (5, 4, 6), 72, 72 * 20),
        ((10, 12, 4), "conv 3 d2 x6", (6, 8, 6), 216, 216 * 48),
        ((5, 10, 12, 4), "conv 3 p1 x6", (5, 10, 12, 6), 216, 216 * 120 * 5),
        ((9, 10, 11, 2), "conv 3 x4", None, 0, 0),
    ],
)
def test_one_convolution(shape, text, out, weights, adds):
    layout = "DHWC" if out is None else None
    _, row = table(shape, text, layout=layout)
    if out is None:
        out, weights = (7, 8, 9, 4), 27 * 2 * 4
        adds = weights * 7 * 8 * 9
    assert (row.shape, row.weights, row.multiply_adds) == (out, weights, adds)


@pytest.mark.parametrize(
    ("shape", "text", "weights", "adds"),
    [
        ((3, 224, 224), "conv 7/2 p3 x64 | max 3/2 p1", 9408, 118_013_952),
        ((32, 112, 112), "conv 3 p1 x32 groups=32", 288, 3_612_672),
        ((4, 10, 12), "conv 3 d2 x6 bias", 222, 10_656),
        ((8, 3, 10, 12), "conv 3 x5 | flatten | dense 7 bias", 2942, 108_856),
        ((1, 2, 9, 10, 11), "conv 3 x4", 216, 108_864),
        ((512, 7, 7), "adaptive avg 1 | flatten | dense 1000", 512_000, 512_000),
    ],
)
def test_totals_of_torchinfo(shape, text, weights, adds):
    # torchinfo 1.8: total_params and total_mult_adds of the same layers of torch.nn.
    found = table(shape, text, like="torch")
    assert sum(row.weights for row in found) == weights
    assert sum(row.multiply_adds for row in found) == adds


def test_totals_of_keras():
    # model.summary() of Conv2D(32, 3), GlobalAveragePooling2D and Dense(10) on 28x28x1.
    found = table((28, 28, 1), "conv 3 x32 bias | global avg | dense 10 bias")
    assert sum(row.weights for row in found) == 650


def test_layouts_and_batches():
    _, conv, flat, dense = table((8, 3, 10, 12), "conv 3 x5 | flatten | dense 7 bias", like="torch")
    assert (conv.shape, conv.layout) == ((8, 5, 8, 10), "NCHW")
    assert (flat.shape, flat.layout) == ((8, 400), "NC")
    assert (dense.shape, dense.weights, dense.multiply_adds) == ((8, 7), 7 * 401, 8 * 7 * 401)


def test_the_field_is_that_of_poolings_of_the_same_windows():
    poolings = "max 3/2 p1 | max 3/1 | avg 2/1 d2"
    layers = "conv 3/2 p1 x4 | conv 3 x4 | conv 2 d2 x4"
    fields = [[(row.field, row.jump) for row in table((40, 41, 3), t)] for t in (poolings, layers)]
    assert fields[0] == fields[1]


def test_after_a_pyramid_and_after_flattening():
    *_, flat, dense = table((16, 16, 8), "max 2 | pyramid max 1,2 | flatten | dense 3")
    assert (flat.shape, flat.field, dense.field) == ((40,), (16, 16), (16, 16))
    _, cut, flat, dense = table((9, 9, 8), "max 2 | flatten | dense 3")
    assert (cut.dropped, flat.field, flat.jump) == ({"height": 1, "width": 1}, (2, 2), (None, None))
    assert dense.field == (8, 8)


def test_layers_are_not_judged_as_poolings_are():
    assert not any(row.warnings for row in table((8, 8, 3), "conv 8 x64 | flatten | dense 1"))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("conv", UsageError, r'^stage 1 "conv": a size'),
        ("conv 3", UsageError, "filters it has must be said, such as x64"),
        ("conv 3 x", UsageError, "is not a whole number"),
        ("conv 3 x8x8", UsageError, "filters 8x8: one number is meant"),
        ("conv 3 x8 x8", UsageError, "filters is given twice"),
        ("conv 3 x0", UsageError, "numbers here start at 1"),
        ("conv 3 x8 ceil", UsageError, '"ceil" is no kSIZE, sSTRIDE, pPADDING'),
        ("conv 9 x8", InputError, "effective kernel 9 exceeds input 8"),
        ("conv 3 x8 groups=3", InputError, "4 channels cannot be shared out to 3 groups"),
        ("conv 3 x6 groups=4", InputError, "6 filters cannot be shared out to 4 groups"),
        ("dense 10", InputError, "8x8x4 HWC has positions; write flatten or global avg"),
        ("dense", UsageError, "a number of units"),
        ("dense 2x3", UsageError, "units 2x3: one number"),
        ("flatten 3", UsageError, 'nothing may follow here, not "3"'),
        ("flatten | max 2", UsageError, 'stage 2 "max 2": stage 1 "flatten" leaves no positions'),
        ("dense 3 | conv 3 x8", UsageError, "leaves no positions"),
        ("global avg | conv 1 x8", UsageError, "leaves no positions"),
        ("conv 3 x8 | max", UsageError, 'stage 2 "max": a size'),
        ("conv 3 x8 | convolve 3", UsageError, "stage 2"),
        ("", UsageError, "the chain is empty"),
    ],
)
def test_one_line_says_what_is_wrong(text, error, message):
    with pytest.raises(error, match=message) as caught:
        table((8, 8, 4), text)
    assert isinstance(caught.value, PoolError)
    assert "\n" not in str(caught.value)
