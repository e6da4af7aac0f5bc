"""Arrays and datasets of xarray: by the names of dimensions, with coordinates as coarsen's."""

from __future__ import annotations

import numpy as np
import pytest

import poolcli
from tests.helpers.every import every

xr = pytest.importorskip("xarray")
pytest.importorskip("poolcli.xarray")

RNG = np.random.default_rng(1)
TIMES = np.arange("2020-01-01", "2020-01-25", dtype="datetime64[D]").astype("datetime64[ns]")
X = xr.DataArray(
    RNG.random((24, 8, 10)),
    dims=("time", "lat", "lon"),
    coords={
        "time": TIMES,
        "lat": ("lat", np.arange(8.0), {"units": "degrees"}),
        "lon": np.arange(10) * 2,
        "area": (("lat", "lon"), RNG.random((8, 10))),
        "run": 3,
    },
    name="t2m",
    attrs={"units": "K"},
)
DATA = xr.Dataset({"t2m": X, "mask": ("lat", np.arange(8)), "k": ("n", [1, 2, 3])}, attrs={"a": 1})


def test_as_coarsen():
    def check(row):
        sizes, (op, theirs) = row
        wanted = getattr(X.coarsen(sizes, boundary="trim"), theirs)()
        for got in (getattr(X.pool, op)(**sizes), poolcli.pool(X, op, sizes), X.pool(op, sizes)):
            xr.testing.assert_allclose(got, wanted)
            assert (got.name, got.attrs) == (X.name, X.attrs)
            assert got.lat.attrs == X.lat.attrs
            assert got.time.dtype == X.time.dtype

    sizes = [{"lat": 2, "lon": 2}, {"time": 3}, {"time": 5, "lat": 4, "lon": 3}]
    ops = [("max", "max"), ("avg", "mean"), ("std", "std"), ("median", "median")]
    every([(size, op) for size in sizes for op in ops], check)


def test_datasets_as_coarsen():
    wanted = DATA.coarsen(lat=2, lon=2).max()
    got = DATA.pool.max(lat=2, lon=2)
    xr.testing.assert_allclose(got, wanted)
    assert got.attrs == DATA.attrs
    assert got.mask.dtype == DATA.mask.dtype
    alone = DATA[["mask"]]
    xr.testing.assert_allclose(alone.pool.max(lat=4), alone.coarsen(lat=4).max())


def test_windows_that_overlap_and_other_families():
    got = X.pool.avg(time=24, stride={"time": 12}, padding="same")
    assert got.sizes["time"] == 2
    adaptive = X.pool.adaptive("max", lat=4, lon=4)
    np.testing.assert_array_equal(
        adaptive.values, poolcli.adaptive_pool(X.values, "max", 4, layout="NHW")
    )
    whole = poolcli.global_pool(X, "avg", axes=("time",))
    xr.testing.assert_allclose(whole, X.mean("time", keep_attrs=True))
    assert set(whole.coords) == {"lat", "lon", "area", "run"}
    y, where = poolcli.pool(X, "max", {"lat": 2}, return_indices=True)
    assert y.dims == where.dims == X.dims


def test_times_are_exact():
    """A double has too few digits for nanoseconds of this century."""
    times = np.array([10**18 + 1, 10**18 + 4, 10**18 + 5, 10**18 + 10]).astype("datetime64[ns]")
    x = xr.DataArray(np.zeros(4), dims="t", coords={"t": times})
    assert x.pool.max(t=2).t.values.astype("i8").tolist() == [10**18 + 2, 10**18 + 7]
    missing = x.assign_coords(t=np.array(["NaT", "2020", "NaT", "NaT"], "datetime64[ns]"))
    assert str(missing.pool.max(t=2).t.values[0]).startswith("2020-01-01T00:00:00.0")
    assert np.isnat(missing.pool.max(t=2).t.values[1])


def test_what_stands_in_an_array_stays_what_it_is():
    da = pytest.importorskip("dask.array")
    got = X.chunk({"lat": 3}).pool.max(lat=2)
    assert isinstance(got.data, da.Array)
    np.testing.assert_array_equal(got.values, X.pool.max(lat=2).values)


REFUSED = [
    (lambda: X.pool.max(), "no dimension is given .* time, lat, lon"),
    (lambda: X.pool("max", {"lot": 2}), "dimension 'lot': there are time, lat, lon"),
    (lambda: X.pool.max(lat=2, strid=1), "did you mean stride"),
    (lambda: poolcli.pool(DATA, "max", 2), "x is a Dataset"),
    (lambda: X.assign_coords(lat=list("abcdefgh")).pool.max(lat=2), "coordinate 'lat' is of <U1"),
    (lambda: X.to_dataset(name="v").assign(s=("lat", list("abcdefgh"))).pool.max(lat=2), "'s' is"),
    (lambda: poolcli.pool(X, "max", {"height": 2}), "axis 'height': the array has time, lat, lon"),
]


def test_what_cannot_be_meant_is_refused():
    def check(row):
        call, message = row
        with pytest.raises(poolcli.PoolError, match=f"^[^\n]*{message}[^\n]*$"):
            call()

    every(REFUSED, check, told=lambda row: row[1])
    with pytest.raises(AttributeError, match="did you mean max"):
        X.pool.maxx(lat=2)
    assert "median" in dir(X.pool)
