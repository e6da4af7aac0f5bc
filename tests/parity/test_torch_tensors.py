"""Tensors of PyTorch in, tensors out: the same memory, and what its own layers give."""

from __future__ import annotations

import numpy as np
import pytest

import poolcli

torch = pytest.importorskip("torch")
F = pytest.importorskip("torch.nn.functional")

X = torch.from_numpy(np.random.default_rng(4).normal(size=(2, 3, 11, 13)).astype("f4"))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda x: poolcli.pool(x, "max", 3, stride=2, padding=1, like="torch"),
            lambda x: F.max_pool2d(x, 3, 2, 1),
        ),
        (
            lambda x: poolcli.pool(x, "avg", (3, 2), padding=1, like="torch"),
            lambda x: F.avg_pool2d(x, (3, 2), padding=1),
        ),
        (
            lambda x: poolcli.pool(x[0], "max", (2,), like="torch"),
            lambda x: F.max_pool1d(x[0], 2),
        ),
        (
            lambda x: poolcli.pool(x, "max", (2, 2, 2), like="torch"),
            lambda x: F.max_pool3d(x, 2),  # channels, depth, height, width
        ),
        (
            lambda x: poolcli.adaptive_pool(x, "avg", (None, 5), like="torch"),
            lambda x: F.adaptive_avg_pool2d(x, (None, 5)),
        ),
        (
            lambda x: poolcli.pool(x, "max", 15, stride=16, ceil_mode=True, like="torch"),
            lambda x: F.max_pool2d(x, 15, 16, ceil_mode=True),
        ),
    ],
    ids=["max", "avg", "1-D", "3-D unbatched", "adaptive", "larger than the axis"],
)
def test_as_its_layers(ours, theirs):
    got = ours(X)
    assert isinstance(got, torch.Tensor)
    torch.testing.assert_close(got, theirs(X))


def test_indices_and_samples_for_each_plane():
    got = poolcli.pool(X, "max", 2, like="torch", return_indices=True)
    for mine, its in zip(got, F.max_pool2d(X, 2, return_indices=True), strict=True):
        torch.testing.assert_close(mine, its)
    samples = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(1))
    its = F.fractional_max_pool2d(X, 2, output_size=(5, 6), _random_samples=samples)
    mine = poolcli.fractional_pool(
        X.numpy(), "max", (5, 6), size=2, samples=samples.numpy()[..., ::-1], like="torch"
    )
    np.testing.assert_array_equal(mine, its.numpy())


def test_memory_types_and_what_is_refused():
    assert torch.equal(poolcli.unpool(*poolcli.pool(X, "max", 1, return_indices=True, like="torch"),
                                      1, like="torch"), X)  # fmt: skip
    brain = X.to(torch.bfloat16)
    got = poolcli.pool(brain, "max", 2, like="torch")
    assert torch.equal(got, F.max_pool2d(brain, 2))
    turned = X.permute(0, 2, 3, 1)
    assert torch.equal(poolcli.pool(turned, "max", 2, layout="NHWC"), got_last(X))
    for x, message in [
        (X.clone().requires_grad_(), "hand over x.detach"),
        (X.to("meta"), "x is on meta; .* x.cpu"),
        (X.to_sparse(), "x.to_dense"),
        (torch.zeros(4, 4, dtype=torch.complex64), "dtype complex64 cannot be pooled"),
    ]:
        with pytest.raises(poolcli.InputError, match=f"^[^\n]*{message}[^\n]*$"):
            poolcli.pool(x, "max", 2)


def got_last(x):
    return F.max_pool2d(x, 2).permute(0, 2, 3, 1)
