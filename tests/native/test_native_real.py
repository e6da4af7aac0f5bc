"""Powers, exponentials, deviations and draws by the kernels against the readable specification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli.engine import library, native
from poolcli.errors import InputError
from poolcli.layout import Layout
from poolcli.parameters import NEGATIVES
from tests.helpers.every import draws, every
from tests.native.blocks import params_of, pool_native
from tests.native.test_native_folds import DTYPES, LAYOUTS, random_cells, random_geometry
from tests.spec.ops import result_dtype
from tests.spec.pooling import naive_pool
from tests.spec.windows import Refused

OPS: dict[str, tuple[dict[str, Any], ...]] = {
    "lp": (
        *({"norm": p, "signed": False} for p in (1.0, 2.0, 3.0, 4.0, 0.5, 2.5, 40.0, 77.0)),
        *({"norm": p, "signed": True} for p in (1.0, 2.0, 3.0, 5.0)),
        {"norm": np.inf, "signed": False},
    ),
    "gem": tuple({"p": p, "eps": e} for p in (3.0, 1.0, 0.7, 2.0, 9.5) for e in (1e-6, 0.25)),
    "soft": ({},),
    "lse": tuple({"r": r} for r in (1.0, -1.0, 0.1, 10.0, -3.0)),
    "var": ({"ddof": 0}, {"ddof": 1}),
    "std": ({"ddof": 0}, {"ddof": 1}, {"ddof": 3}),
    "expected": tuple({"negatives": n} for n in NEGATIVES),
}
NAMES = {"expected": "stochastic"}  # in the specification
CANCELS = ("soft", "lse", "expected")
RTOL = {"f2": 2e-3, "f4": 2.5e-7, "f8": 2e-13}


def one_case(seed: int) -> None:
    random = np.random.default_rng(seed)
    op, layout = str(random.choice(list(OPS))), str(random.choice(LAYOUTS))
    params = OPS[op][random.integers(len(OPS[op]))]
    dtype = np.dtype(str(random.choice(DTYPES))).newbyteorder(str(random.choice(["=", "=", "S"])))
    lengths = {"N": 2, "C": int(random.choice([1, 2, 3, 5])), "D": 4}
    shape = tuple(lengths.get(letter, int(random.integers(1, 26))) for letter in layout)
    x = random_cells(random, shape, dtype)
    spec, geometry = random_geometry(random, len(Layout(layout).spatial))
    options: dict[str, Any] = {}
    if dtype.kind == "f":
        options["nan"] = str(random.choice(["propagate", "skip"]))
        x.flat[random.integers(0, x.size, random.integers(3))] = np.nan
        x.flat[random.integers(0, x.size, random.integers(2))] = random.choice([np.inf, -np.inf])
    if random.integers(3) == 0 and x.flat[0] == x.flat[0]:
        options |= {"nodata": x.flat[0].item(), "min_valid": float(random.choice([0, 0.3, 0.9]))}
    if params.get("negatives") == "error" and random.integers(4):
        x = np.abs(x)
    try:
        windows = geometry.resolve(
            Layout(layout).spatial_names, [shape[i] for i in Layout(layout).spatial]
        )
    except InputError:
        return
    try:
        expected = naive_pool(x, NAMES.get(op, op), spec, layout=layout, **options, **params)
    except OverflowError:
        return  # beyond what the specification can say
    except Refused:
        expected = None
    order = random.permutation(x.ndim)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    given = {"layout": layout, "params": params_of(op, params), **options}
    inner = [None, True, False][random.integers(3)]
    what = f"{seed}: {op} {params} {layout} {shape} {dtype} {geometry} {options}"
    target = result_dtype(op, dtype.newbyteorder("="))
    try:
        got = pool_native(x, op, windows, target, inner=inner, **given)
    except native.Problem as problem:
        refused = problem
    else:
        refused = None
    if refused or expected is None:
        assert expected is None, what
        assert refused, what
        assert refused.why == library.NEGATIVE, what
        assert refused.value < 0, what
        return
    # What is added may cancel: of soft, lse and signed sums relative to the largest cell.
    finite = np.abs(x[np.isfinite(x)].astype(np.float64))
    scale = float(finite.max(initial=1)) if op in CANCELS or params.get("signed") else 0
    rtol = RTOL[target.str[1:]]
    np.testing.assert_allclose(
        got.astype(float), expected.astype(float), rtol=rtol, atol=rtol * scale, err_msg=what
    )
    blocks = pool_native(x, op, windows, target, inner=False, cut=3, seed=seed, **given)
    assert blocks.tobytes() == got.tobytes(), what


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_random_cases(first: int) -> None:
    every(draws(50, first), one_case)
