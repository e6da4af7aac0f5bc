"""exp, log and powers of math.hpp: within 1 ulp of mpmath, and the same bytes by any instructions.

The functions are no part of the library's interface: they are compiled here once more.
"""

from __future__ import annotations

import ast
import ctypes
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

import poolcli
from poolcli.engine import library

HERE = Path(__file__).parent
KERNELS = Path(poolcli.__file__).parent / "kernels"
COMPILER = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")

EXP, LOG, POWER, WEIGHT, LESS_ONE, LOG_NEAR_ONE, ROOT, CUBE_ROOT = range(8)
COUNT = 3000


def build_constant(name: str) -> Any:
    """A constant of hatch_build.py, which needs hatchling to be imported."""
    source = HERE.parents[1] / "hatch_build.py"
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            return eval(compile(ast.Expression(node.value), str(source), "eval"))
    raise LookupError(name)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[ctypes.CDLL]:
    """The functions for each instruction set that this processor has."""
    folder, built = tmp_path_factory.mktemp("math"), []
    best = library.ISAS.index(library.use_isa())
    assert COMPILER is not None
    for isa, flags in build_constant("INSTRUCTIONS").items():
        if isa > best:
            continue
        target = folder / f"math{isa}.so"
        command = [COMPILER, *build_constant("FLAGS"), *flags, f"-DPOOL_ISA={isa}", "-shared"]
        command += [f"-I{KERNELS}", str(HERE / "math_functions.cpp"), "-o", str(target)]
        subprocess.run(command, check=True)
        built.append(ctypes.CDLL(str(target)))
    return built


def computed(
    libraries: list[ctypes.CDLL], function: int, x: Any, y: Any = 1.0, *, short: bool = False
) -> np.ndarray:
    x, y = (np.ascontiguousarray(a) for a in np.broadcast_arrays(np.atleast_1d(x), y))
    x, y, out = x.astype(float), y.astype(float), np.empty(x.shape)
    answers = set()
    for one in libraries:
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (x, y, out))
        one.run(function, int(short), *pointers, ctypes.c_long(x.size))
        answers.add(out.tobytes())
        # One by one as in vectors.
        library.run(
            function,
            int(short),
            *map(ctypes.c_void_p, (x.ctypes.data, y.ctypes.data, out.ctypes.data)),
            ctypes.c_long(1),
        )
        answers.add(out.tobytes())
    assert len(answers) == 1
    return out


def numbers(kind: str, random: np.random.Generator) -> np.ndarray:
    """Hard cases of each kind: near 0, near 1, near the ends of the exponents, everywhere."""
    n = COUNT // 4
    if kind == "exp":
        around = np.arange(-1074, 1024) * float(mpmath.log(2)) / 1.0  # where the exponent changes
        halves = (around + float(mpmath.log(2)) / 2)[:-1]
        some = [random.uniform(-745.13, 709.78, n), random.uniform(-1, 1, n), around, halves]
        some += [random.choice([-1, 1], n) * 10.0 ** random.uniform(-300, 0, n)]
        return np.concatenate([*some, [-745.1332191019411, 709.782712893384, -708.4, 0.0]])
    if kind == "log":
        roots = 2.0 ** np.arange(-1060, 1024, 7) * 2**0.5
        some = [np.exp(random.uniform(-743, 709, n)), random.uniform(0.5, 2, n)]
        some += [1 + random.choice([-1, 1], n) * 10.0 ** random.uniform(-16, 0, n) * 0.5]
        some += [
            np.nextafter(roots, 0),
            roots[:-1],
            random.integers(1, 1 << 30, n) * 5e-324,
        ]  # subnormal
        return np.concatenate([*some, [5e-324, np.finfo(float).max, 1.0, np.nextafter(1, 0)]])
    if kind == "weight":
        return -(10.0 ** random.uniform(-300, 2.84, COUNT))
    return random.choice([-0.29, 0.41], COUNT) * 10.0 ** random.uniform(-300, 0, COUNT)


def errors(got: np.ndarray, exact: list[Any], digits: int = 53, least: int = -1074) -> np.ndarray:
    """In units of the last place of the exact results, as floats of so many digits."""
    worst = []
    for value, true in zip(got.tolist(), exact, strict=True):
        unit = mpmath.mpf(2) ** max(mpmath.frexp(true)[1] - digits, least)
        worst.append(float(abs(mpmath.mpf(value) - true) / unit))
    return np.array(worst)


ONE_ARGUMENT = {
    EXP: ("exp", mpmath.exp),
    LOG: ("log", mpmath.log),
    WEIGHT: ("weight", mpmath.exp),
    LESS_ONE: ("weight", mpmath.expm1),
    LOG_NEAR_ONE: ("near one", mpmath.log1p),
}


@pytest.mark.parametrize("function", ONE_ARGUMENT)
def test_within_an_ulp(libraries: list[ctypes.CDLL], function: int) -> None:
    kind, reference = ONE_ARGUMENT[function]
    x = numbers(kind, np.random.default_rng(function))
    with mpmath.workprec(200):
        exact = [reference(mpmath.mpf(value)) for value in x.tolist()]
        got = computed(libraries, function, x)
        assert errors(got, exact).max() < 1
        # And once rounded to float32.
        inside = np.array([1e-37 < abs(true) < 3e38 for true in exact])
        short = computed(libraries, function, x[inside], short=True).astype(np.float32)
        some = [true for true, within in zip(exact, inside, strict=True) if within]
        assert len(some) > COUNT / 10
        assert errors(short.astype(float), some, 24, -149).max() < 0.51


def test_powers_within_an_ulp(libraries: list[ctypes.CDLL]) -> None:
    random = np.random.default_rng(6)
    x = np.concatenate(
        [
            np.exp(random.uniform(-700, 700, COUNT)),
            random.uniform(0.5, 2, COUNT),
            1 + 10.0 ** -random.uniform(1, 15, COUNT),
        ]
    )
    with np.errstate(over="ignore"):
        y = np.minimum(np.abs(random.uniform(-740, 709, x.size) / np.log(x)), 1e300)
    y[::7] = np.maximum(1, np.round(y[::7]))
    few = np.abs(y * np.log(x)) < 709
    x, y = x[few], y[few]
    with mpmath.workprec(400):
        exact = [
            mpmath.power(mpmath.mpf(a), mpmath.mpf(b))
            for a, b in zip(x.tolist(), y.tolist(), strict=True)
        ]
        assert errors(computed(libraries, POWER, x, y), exact).max() < 1


def test_roots_within_an_ulp(libraries: list[ctypes.CDLL]) -> None:
    random = np.random.default_rng(7)
    x = np.concatenate([np.exp(random.uniform(-740, 709, COUNT)), random.uniform(0.5, 2, COUNT)])
    p = np.concatenate([np.exp(random.uniform(0, 12, COUNT)), random.integers(3, 30, COUNT)])
    with mpmath.workprec(200):
        exact = [
            mpmath.power(mpmath.mpf(a), 1 / mpmath.mpf(b))
            for a, b in zip(x.tolist(), p.tolist(), strict=True)
        ]
        assert errors(computed(libraries, ROOT, x, p), exact).max() < 1
    whole = np.arange(1.0, 60)
    np.testing.assert_array_equal(computed(libraries, ROOT, whole**3, 3), whole)


def test_near_cube_roots(libraries: list[ctypes.CDLL]) -> None:
    random = np.random.default_rng(8)
    x = np.concatenate([2.0 ** random.uniform(-450, 600, COUNT), random.uniform(0.1, 10, COUNT)])
    with mpmath.workprec(200):
        exact = [mpmath.cbrt(mpmath.mpf(value)) for value in x.tolist()]
        worst = errors(computed(libraries, CUBE_ROOT, x), exact)
    assert worst.max() < 2**21  # of 53 digits: 32 are right, float32 has 24
    ends = [0.0, np.inf, np.nan, -1, -np.inf]
    got = computed(libraries, CUBE_ROOT, ends)
    np.testing.assert_array_equal(got, [0, np.inf, np.nan, np.nan, np.nan])


def test_ends(libraries: list[ctypes.CDLL]) -> None:
    inf, nan = np.inf, np.nan
    cases: list[tuple[int, Any, Any, Any]] = [
        (EXP, [-inf, inf, nan, 0.0, -0.0, 710, -746], 1, [0, inf, nan, 1, 1, inf, 0]),
        (EXP, [1e300, -1e300], 1, [inf, 0]),
        (LOG, [0.0, -0.0, inf, nan, -1, -inf, 1], 1, [-inf, -inf, inf, nan, nan, nan, 0]),
        (POWER, [0.0, inf, nan, 1, -1], [2, 0.5, 3, 5e-324, 0.5], [0, inf, nan, 1, nan]),
        (POWER, [1, 2, 0.5], 1e300, [1, inf, 0]),
        (WEIGHT, [0.0, -inf, nan, -701], 1, [1, 0, nan, 0]),
        (LESS_ONE, [0.0, -inf, nan, -701], 1, [0, -1, nan, -1]),
        (ROOT, [0.0, inf, nan, 1, 4, 1e300], [3, 3, 3, 7, 5e-324, 1e300], [0, inf, nan, 1, inf, 1]),
    ]  # fmt: skip
    for function, x, y, wanted in cases:
        for short in (False, True):
            got = computed(libraries, function, x, y, short=short)
            # What is short is meant for float32, where e^-708 is 0.
            got = got.astype(np.float32) if short else got
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 alone has these instructions")
@pytest.mark.skipif(not shutil.which("objdump"), reason="needs objdump, of binutils")
def test_nothing_is_fused(libraries: list[ctypes.CDLL]) -> None:
    """S8: no multiplication and addition in one rounding, which not every processor has."""
    for one in libraries:
        text = subprocess.run(
            ["objdump", "-d", one._name], capture_output=True, text=True, check=True
        )
        assert "vfmadd" not in text.stdout
        assert "mul" in text.stdout
