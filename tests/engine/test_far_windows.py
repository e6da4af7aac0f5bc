"""Windows that reach far over padding: the results of their real cells, at what these cost."""

import numpy as np
import pytest

from poolcli import OPS
from poolcli.geometry import Sliding
from poolcli.request import Request

FAR = {"many": Sliding(90, 7, 89), "one": Sliding(301, 301, 150)}
HUGE = {
    "one": Sliding(10**12 + 1, 10**12 + 1, 5 * 10**11),
    "at every cell": Sliding(10**12 + 1, 1, 5 * 10**11),
    "dilated": Sliding(10**6 + 1, 3, 1_500_000, 3),
}
PARAMS = {"stochastic": {"mode": "expected", "negatives": "relu"}}


def awkward(dtype: str) -> np.ndarray:
    x = np.random.default_rng(2).integers(0, 9, (2, 11, 9, 3)).astype(dtype)
    if x.dtype.kind == "f":
        x[0, 4, 4, 1] = np.nan
    return x


@pytest.mark.parametrize("geometry", FAR.values(), ids=FAR)
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("op", [op for op in OPS if op != "blur"])  # its padding is no absence
def test_more_padding_changes_nothing(op, dtype, geometry) -> None:
    """Windows of the same real cells give the same, whatever they are called."""
    x = awkward(dtype)
    plan = Request(op, geometry, params=PARAMS.get(op, {})).plan(x.shape, x.dtype)
    result = plan.run(x)
    known = {}  # most windows have the cells of others
    for number in np.ndindex(*(w.out for w in plan.windows)):
        spans = [
            slice(*w.real_span(i), w.dilation) for w, i in zip(plan.windows, number, strict=True)
        ]
        if (key := str(spans)) not in known:
            cells = np.ascontiguousarray(x[:, spans[0], spans[1]])
            near = Request(op, Sliding(cells.shape[1:3]), params=PARAMS.get(op, {}))
            known[key] = near.plan(cells.shape, cells.dtype).run(cells)[:, 0, 0]
        np.testing.assert_allclose(result[:, number[0], number[1]], known[key], rtol=1e-6)


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("op", OPS)
def test_time_follows_the_real_cells(op, name) -> None:
    """Neither the size nor the padding of these windows could be gone through, or be kept."""
    x = np.random.default_rng(2).random((1, 4, 4, 1))
    params = {"mode": "expected"} if op == "stochastic" else {}
    plan = Request(op, HUGE[name], params=params).plan(x.shape, x.dtype)
    result = plan.run(x)
    for block_bytes in (1, 100):
        assert plan.run(x, block_bytes=block_bytes).tobytes() == result.tobytes()
    if name == "one" and op != "blur":
        whole = Request(op, Sliding(4), params=params).plan(x.shape, x.dtype).run(x)
        np.testing.assert_allclose(result, whole, rtol=1e-12)


@pytest.mark.parametrize("op", ["max", "min"])
def test_far_windows_have_the_same_winners(op) -> None:
    x = np.random.default_rng(1).integers(0, 5, (2, 11, 9, 3)).astype("f4")
    far, near = (
        Request(op, g).plan(x.shape, x.dtype)
        for g in (Sliding(10**9 + 1, 10**9, 5 * 10**8), Sliding((11, 9)))
    )
    np.testing.assert_array_equal(far.winners(x), near.winners(x))
