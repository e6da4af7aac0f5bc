"""Arrays of Zarr and ml_dtypes, of libraries that are not known, and of devices."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import poolcli

X = np.random.default_rng(3).normal(size=(2, 9, 8, 3)).astype("f4")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_arrays(version):
    zarr = pytest.importorskip("zarr")
    x = zarr.create_array({}, data=X, chunks=(1, 4, 4, 3), zarr_format=version)
    y = poolcli.pool(x, "avg", 2)
    assert isinstance(y, zarr.Array)
    assert y.metadata.zarr_format == version
    assert y.chunks == (1, 4, 4, 3)
    np.testing.assert_array_equal(y[...], poolcli.pool(X, "avg", 2))
    assert poolcli.global_pool(x, "max").shape == (2, 3)
    with pytest.raises(poolcli.InputError, match="one of its arrays"):
        poolcli.pool(zarr.group({}), "max", 2)


def test_bfloat16_is_pooled_as_float32():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = X.astype(ml_dtypes.bfloat16)
    wide = x.astype("f4")
    for op in ("max", "avg", "std"):
        y = poolcli.pool(x, op, 2)
        assert y.dtype == x.dtype
        wanted = poolcli.pool(wide, op, 2).astype(ml_dtypes.bfloat16)
        assert y.tobytes() == wanted.tobytes()
    y, where = poolcli.pool(x, "max", 2, return_indices=True)
    assert (y.dtype, where.dtype) == (x.dtype, np.int64)
    assert poolcli.pool(x, "avg", 2, dtype="f8").dtype == np.float64
    assert poolcli.chain(x, "max 2 | global avg").dtype == x.dtype
    with pytest.raises(poolcli.InputError, match="int4 cannot be pooled"):
        poolcli.pool(np.zeros(4, ml_dtypes.int4), "max", 2)


class Tensor:
    """What a library shows of an array that follows the array API and nothing else."""

    def __init__(self, values, device=1):
        self._values, self._device = values, device
        self.shape = values.shape

    def __dlpack_device__(self):
        return self._device, 0

    def __dlpack__(self, **how):
        return self._values.__dlpack__(**how)


def test_any_array_that_shows_its_memory():
    np.testing.assert_array_equal(poolcli.pool(Tensor(X), "max", 2), poolcli.pool(X, "max", 2))
    with pytest.raises(poolcli.InputError, match=r"in the memory of a device \(2 0\)"):
        poolcli.pool(Tensor(X, device=2), "max", 2)


def test_no_library_is_loaded_for_numpy_arrays():
    code = (
        "import numpy, poolcli, sys; poolcli.pool(numpy.ones((4, 4)), 'max', 2);"
        "assert not {'dask', 'xarray', 'zarr', 'torch', 'ml_dtypes'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
