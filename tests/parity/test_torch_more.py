"""Unpooling, indices in all conventions, global pooling and other reductions, as PyTorch's."""

from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("torch is not installed; make parity installs it", allow_module_level=True)

import torch
import torch.nn.functional as functional

from poolcli import global_pool, pool, unpool
from poolcli.errors import PoolError
from tests.parity.random_inputs import LAYOUTS, random_array, random_shape
from tests.parity.verdict import compared, named, seen


def test_float16_powers():
    """Met too seldom by chance: 16 times 8^4 is more than float16 holds."""
    x = np.full((1, 1, 4, 4), 8, np.float16)
    theirs = functional.lp_pool2d(torch.from_numpy(x), 4, 4).numpy()
    got = pool(x, "lp", 4, like="torch", norm=4)
    assert (theirs.item(), got.item()) == (np.inf, 16)
    seen[named("sums of float16 powers overflow").name] += 1


def random_windows(rng, axes):
    size = int(rng.integers(1, 5))
    return {
        "kernel_size": size,
        "stride": int(rng.integers(1, 5)),
        "padding": int(rng.integers(0, size // 2 + 1)),
    }


def pooled(rng, axes, style="quarters"):
    """An array and its max pooling with indices; windows that do not fit are drawn again."""
    x = random_array(rng, random_shape(rng, axes), np.dtype(str(rng.choice(["f4", "f8"]))), style)
    while True:
        windows = random_windows(rng, axes)
        maxima = getattr(functional, f"max_pool{axes}d")
        try:
            y, indices = maxima(torch.from_numpy(x), **windows, return_indices=True)
        except RuntimeError:
            continue
        return x, windows, y, indices


@pytest.mark.parametrize("seed", range(500))
def test_unpool(seed):
    rng = np.random.default_rng([2015, seed])
    axes = int(rng.integers(1, 4))
    x, windows, y, indices = pooled(rng, axes)
    compared["torch"] += 1
    output_size = x.shape[2:] if rng.random() < 0.7 else None
    back = getattr(functional, f"max_unpool{axes}d")
    try:
        expected = back(y, indices, **windows, output_size=output_size).numpy()
    except (RuntimeError, ValueError):
        expected = None
    given = {"stride": windows["stride"], "padding": windows["padding"], "like": "torch"}
    try:
        got = unpool(
            y.numpy(),
            indices.numpy(),
            windows["kernel_size"],
            output_size=output_size,
            layout=LAYOUTS[axes],
            **given,
        )
    except PoolError:
        got = None
    if got is None and expected is not None:
        assert expected.size == 0
        seen[named("unpooling to nothing").name] += 1
        return
    if expected is None:
        assert got is None
        return
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("seed", range(400))
def test_conventions_of_indices(seed):
    """The other two conventions, counted from PyTorch's by arithmetic."""
    rng = np.random.default_rng([2016, seed])
    axes = int(rng.integers(1, 4))
    x, windows, y, indices = pooled(rng, axes, "endless")
    compared["torch"] += 1
    plane = indices.numpy()
    given = {name: windows[name] for name in ("stride", "padding")}
    given |= {"layout": LAYOUTS[axes], "return_indices": True}
    batch, channel = np.ogrid[: x.shape[0], : x.shape[1]]
    lead = (..., *[None] * axes)
    cells = int(np.prod(x.shape[2:]))
    wanted = {
        "plane": plane,
        "tensor": plane + ((batch * x.shape[1] + channel) * cells)[lead],
        "channels-last": plane * x.shape[1] + (channel + 0 * batch)[lead],
    }
    for convention, expected in wanted.items():
        got, found = pool(x, "max", windows["kernel_size"], index=convention, **given)
        np.testing.assert_array_equal(got, y.numpy())
        np.testing.assert_array_equal(found, expected)


def log_mean_exp(cells, r=1.0):
    return (torch.logsumexp(cells * r, -1) - np.log(cells.shape[-1])) / r


QUANTILES = ("linear", "lower", "higher", "nearest", "midpoint")
# op, its parameters, and the same of the last axis of a tensor
REDUCTIONS = [
    ("min", {}, lambda t: t.amin(-1)),
    ("max", {}, lambda t: t.amax(-1)),
    ("avg", {}, lambda t: t.mean(-1)),
    ("sum", {}, lambda t: t.sum(-1)),
    ("range", {}, lambda t: t.amax(-1) - t.amin(-1)),
    ("median", {"method": "lower"}, lambda t: t.median(-1).values),
    ("mode", {}, lambda t: t.mode(-1).values),
    ("std", {}, lambda t: t.std(-1, correction=0)),
    ("var", {}, lambda t: t.var(-1, correction=0)),
    ("lse", {}, log_mean_exp),
    ("lse", {"r": 0.25}, lambda t: log_mean_exp(t, 0.25)),
    ("soft", {}, lambda t: (t * t.softmax(-1)).sum(-1)),
    ("gem", {"p": 3.0}, lambda t: t.clamp(min=1e-6).pow(3).mean(-1).pow(1 / 3)),
    ("lp", {"norm": 2.0, "signed": False}, lambda t: torch.linalg.vector_norm(t, 2, -1)),
    ("lp", {"norm": 1.5, "signed": False}, lambda t: torch.linalg.vector_norm(t, 1.5, -1)),
    ("lp", {"norm": np.inf, "signed": False}, lambda t: torch.linalg.vector_norm(t, np.inf, -1)),
    *(
        ("quantile", {"q": q, "method": m}, lambda t, q=q, m=m: t.quantile(q, -1, interpolation=m))
        for q, m in zip((0.1, 0.25, 0.5, 0.75, 0.9), QUANTILES, strict=True)
    ),
]
EXACT = {"min", "max", "mode", "median", "range", "sum"}


@pytest.mark.parametrize("seed", range(600))
def test_reductions(seed):
    """Global, and over windows that PyTorch unfolds: no padding, every op that it has."""
    rng = np.random.default_rng([2017, seed])
    op, params, reduce = REDUCTIONS[seed % len(REDUCTIONS)]
    axes = int(rng.integers(1, 4))
    shape = (2, *random_shape(rng, axes)[1:])
    x = random_array(rng, shape, np.dtype("f8"), "quarters")
    given = {"layout": LAYOUTS[axes], "like": "torch", **params}
    tensor = torch.from_numpy(x)
    compared["torch"] += 1
    if rng.random() < 0.3:
        got = global_pool(x, op, **given)
        expected = reduce(tensor.flatten(-axes))
    else:
        size = [int(rng.integers(1, n + 1)) for n in x.shape[2:]]
        stride = [int(rng.integers(1, 4)) for _ in size]
        got = pool(x, op, tuple(size), stride=tuple(stride), **given)
        unfolded = tensor
        for axis, (k, s) in enumerate(zip(size, stride, strict=True)):
            unfolded = unfolded.unfold(2 + axis, k, s)
        expected = reduce(unfolded.flatten(-axes))
    if op in EXACT:
        np.testing.assert_array_equal(got, expected.numpy())
    else:
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-12, atol=1e-12)
