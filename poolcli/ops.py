"""The pooling operations, one row each: add an op by adding a row to ``ROWS``."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from poolcli.checks import shown
from poolcli.errors import UsageError

if TYPE_CHECKING:
    from poolcli.analysis.arithmetic import Equation, Odds, WindowValues
    from poolcli.engine.kernel import Cells, Kernel

MakeKernel = Callable[["Cells", Mapping[str, Any]], "Kernel"]
MakeEquation = Callable[["WindowValues", Mapping[str, Any]], "Equation"]
MakeOdds = Callable[["WindowValues", Mapping[str, Any]], "Odds"]


class Param(NamedTuple):
    """A parameter of one op: an option of its command and a keyword of the Python functions."""

    name: str
    type: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    """The words that mean something, where they are few."""


class Op(NamedTuple):
    """Everything that is known of one pooling operation.

    ``kernel`` is given what is known of the windows (:class:`poolcli.engine.kernel.Cells`) and the
    op's parameters, and says how the engine pools them.
    """

    name: str
    summary: str
    formula: str
    source: str
    kernel: MakeKernel
    aliases: tuple[str, ...] = ()
    divides: bool = False
    """Whether it divides by a count of cells: then count_include_pad and divisor mean something."""
    padding: str | int = 0
    """The padding of sliding windows when none is given."""
    params: tuple[Param, ...] = ()
    winner: MakeKernel | None = None
    """For ops that pick a cell by its value: the kernel that gives the picked cell's position."""
    by_place: bool = False
    """Whether it takes cells by where they stand in the window, whatever their values."""
    blends: bool = False
    """Whether results are means: of colours weighted by alpha, and in linear light if wanted."""
    per_window: str = ""
    """What a window gives, where "of each window" after the summary does not say it."""
    equation: MakeEquation | None = None
    """The arithmetic of one window in words; without it the values are listed."""
    odds: MakeOdds | None = None
    """For ops that draw: how probable the values of a window are."""
    picked: MakeKernel | None = None
    """For ops that give one of the cells: the kernel of its position, where ``winner`` has none."""


def made_of(first: str, second: str, formula: Callable[[Any, Any], Any]) -> MakeKernel:
    """The kernel of an op that is a formula of two others' results, which it gets as floats."""

    def kernel(cells: Cells, params: Mapping[str, Any]) -> Kernel:
        make = importlib.import_module("poolcli.engine.composed").composed
        made: Kernel = make(cells, _plainly(first), _plainly(second), formula)
        return made

    return kernel


def _plainly(name: str) -> Callable[[Cells], Kernel]:
    """What makes the kernel of an op with its parameters left as they are by default."""
    op = find_op(name)
    return lambda cells: op.kernel(cells, {param.name: param.default for param in op.params})


def lazy(module: str, function: str, *args: object) -> MakeKernel:
    """A kernel that imports its module when first used, so that listing ops loads no NumPy."""

    def kernel(cells: Cells, params: Mapping[str, Any]) -> Kernel:
        make = getattr(importlib.import_module(module), function)
        made: Kernel = make(cells, *args, **params)
        return made

    return kernel


def told(function: str, *args: object) -> Callable[[WindowValues, Mapping[str, Any]], Any]:
    """A function of ``poolcli.analysis.arithmetic``, which is imported when first used."""

    def tell(window: WindowValues, params: Mapping[str, Any]) -> Any:
        make = getattr(importlib.import_module("poolcli.analysis.arithmetic"), function)
        return make(window, *args, **params)

    return tell


_METHOD = Param(
    "method",
    str,
    "linear",
    "between two values: linear, lower, higher, nearest or midpoint",
    ("linear", "lower", "higher", "nearest", "midpoint"),
)

ROWS = (
    Op(
        name="max",
        summary="the largest value",
        formula="max(x)",
        source="Zhou & Chellappa 1988; ONNX MaxPool",
        kernel=lazy("poolcli.engine.extremes", "extreme", "maximum"),
        equation=told("listed", "max"),
        winner=lazy("poolcli.engine.extremes", "winner", "maximum"),
    ),
    Op(
        name="min",
        summary="the smallest value",
        formula="min(x)",
        source="max pooling of the negated values",
        kernel=lazy("poolcli.engine.extremes", "extreme", "minimum"),
        equation=told("listed", "min"),
        winner=lazy("poolcli.engine.extremes", "winner", "minimum"),
    ),
    Op(
        name="avg",
        aliases=("mean",),
        summary="the arithmetic mean",
        formula="Σx / n",
        source="LeCun et al. 1989; ONNX AveragePool",
        kernel=lazy("poolcli.engine.sums", "average"),
        equation=told("mean"),
        blends=True,
        divides=True,
    ),
    Op(
        name="sum",
        summary="the sum",
        formula="Σx",
        source="avg pooling without its division",
        kernel=lazy("poolcli.engine.sums", "total"),
        equation=told("total"),
    ),
    Op(
        name="lp",
        summary="the p-norm",
        formula="(Σ|x|^p)^(1/p)",
        source="Boureau, Ponce & LeCun 2010; ONNX LpPool",
        kernel=lazy("poolcli.engine.powers", "lp"),
        equation=told("power_sum"),
        params=(
            Param("norm", float, 2.0, "p of the norm; inf for the largest magnitude"),
            Param("signed", bool, False, "keep the sign of x^p, as torch does; not for norm inf"),
        ),
    ),
    Op(
        name="rms",
        summary="the root of the mean square",
        formula="(Σx² / n)^(1/2)",
        source="lp with p = 2 of a mean instead of a sum",
        kernel=lazy("poolcli.engine.powers", "rms"),
        equation=told("root_mean_square"),
        blends=True,
    ),
    Op(
        name="median",
        summary="the middle of the sorted values",
        formula="x₍₍ₙ₋₁₎/₂₎ of x₍₀₎ ≤ … ≤ x₍ₙ₋₁₎",
        source="Tukey 1977; scipy.ndimage.median_filter",
        kernel=lazy("poolcli.engine.ranked", "median"),
        equation=told("between_ranks"),
        winner=lazy("poolcli.engine.ranked", "median_place"),
        params=(_METHOD,),
    ),
    Op(
        name="quantile",
        summary="the value below which a fraction q of the others lies",
        formula="x₍₍ₙ₋₁₎q₎ of x₍₀₎ ≤ … ≤ x₍ₙ₋₁₎",
        source="Hyndman & Fan 1996, definition 7; numpy.quantile",
        kernel=lazy("poolcli.engine.ranked", "quantile"),
        equation=told("between_ranks"),
        per_window="the value below which a fraction q of each window lies",
        picked=lazy("poolcli.engine.positions", "quantile_place"),
        params=(
            Param("q", float, 0.5, "the fraction, from 0 to 1"),
            _METHOD,
        ),
    ),
    Op(
        name="mode",
        summary="the most frequent value, the smallest of several",
        formula="argmax over v of |{x = v}|",
        source="majority filters; GDAL's mode resampling",
        kernel=lazy("poolcli.engine.ranked", "mode"),
        equation=told("most_frequent"),
        picked=lazy("poolcli.engine.positions", "mode_place"),
    ),
    Op(
        name="range",
        summary="the largest minus the smallest value",
        formula="max(x) − min(x)",
        source="the morphological gradient of a flat window",
        kernel=lazy("poolcli.engine.extremes", "value_range"),
        equation=told("extent"),
    ),
    Op(
        name="std",
        summary="the standard deviation",
        formula="(Σ(x − mean)² / (n − ddof))^(1/2)",
        source="Chan, Golub & LeVeque 1979",
        kernel=lazy("poolcli.engine.spread", "deviation"),
        equation=told("deviation"),
        params=(Param("ddof", int, 0, "what is taken from n before dividing"),),
    ),
    Op(
        name="var",
        summary="the variance",
        formula="Σ(x − mean)² / (n − ddof)",
        source="Chan, Golub & LeVeque 1979",
        kernel=lazy("poolcli.engine.spread", "variance"),
        equation=told("variance"),
        params=(Param("ddof", int, 0, "what is taken from n before dividing"),),
    ),
    Op(
        name="stochastic",
        summary="a value drawn with a probability in proportion to itself",
        formula="x drawn with P(x) = x / Σx; expected: Σx² / Σx",
        source="Zeiler & Fergus 2013",
        kernel=lazy("poolcli.engine.stochastic", "stochastic"),
        equation=told("draw"),
        odds=told("odds"),
        per_window="a value drawn with P(x) = x / Σx",
        picked=lazy("poolcli.engine.positions", "drawn_place"),
        params=(
            Param(
                "mode",
                str,
                "sample",
                "sample, or expected for the mean of all draws",
                ("sample", "expected"),
            ),
            Param("seed", int, 0, "of the draws"),
            Param(
                "negatives",
                str,
                "error",
                "negative values: error, relu or shift",
                ("error", "relu", "shift"),
            ),
        ),
    ),
    Op(
        name="gem",
        summary="the generalised mean",
        formula="(Σ max(x, eps)^p / n)^(1/p)",
        source="Radenović, Tolias & Chum 2018",
        kernel=lazy("poolcli.engine.powers", "gem"),
        equation=told("generalised_mean"),
        blends=True,
        params=(
            Param("p", float, 3.0, "1 is the mean, and the larger the nearer to max"),
            Param("eps", float, 1e-6, "smaller values count as this"),
        ),
    ),
    Op(
        name="soft",
        summary="the mean weighted by the exponentials of the values",
        formula="Σx·eˣ / Σeˣ",
        source="SoftPool: Stergiou, Poppe & Kalliatakis 2021",
        kernel=lazy("poolcli.engine.softmax", "soft"),
        equation=told("soft"),
        blends=True,
    ),
    Op(
        name="lse",
        summary="the log of the mean exponential",
        formula="log(Σe^(r·x) / n) / r",
        source="Pinheiro & Collobert 2015",
        kernel=lazy("poolcli.engine.softmax", "log_sum_exp"),
        equation=told("log_mean_exponential"),
        blends=True,
        params=(Param("r", float, 1.0, "near 0 it is the mean, and large it is max"),),
    ),
    Op(
        name="mixed",
        summary="a blend of max and avg",
        formula="α·max(x) + (1 − α)·Σx / n",
        source="Lee, Gallagher & Tu 2016",
        kernel=lazy("poolcli.engine.extremes", "mixed"),
        equation=told("blend"),
        blends=True,
        divides=True,
        params=(Param("alpha", float, 0.5, "the share of max"),),
    ),
    Op(
        name="blur",
        summary="the mean with binomial weights: downsampling without aliasing",
        formula="Σw·x with w the binomial coefficients / 2^(k−1), by axis",
        source="BlurPool: Zhang 2019",
        kernel=lazy("poolcli.engine.placed", "blur"),
        equation=told("weighted_mean"),
        blends=True,
        padding="center",
    ),
    Op(
        name="subsample",
        summary="the first value",
        formula="x₀",
        source="strided slicing",
        kernel=lazy("poolcli.engine.placed", "subsample"),
        by_place=True,
        equation=told("first"),
        picked=lazy("poolcli.engine.positions", "first_place"),
    ),
)
OPS: dict[str, Op] = {op.name: op for op in ROWS}
_BY_ANY_NAME = {name: op for op in ROWS for name in (op.name, *op.aliases)}


def find_op(name: object) -> Op:
    """The op of that name or alias.

    >>> find_op("mean").name
    'avg'
    """
    if not isinstance(name, str):
        raise UsageError(f"op {shown(name)}: a name is meant, one of {', '.join(OPS)}")
    op = _BY_ANY_NAME.get(name)
    if op is None:
        close = difflib.get_close_matches(name, _BY_ANY_NAME, 1)
        advice = f"did you mean {close[0]}?" if close else f"known are {', '.join(OPS)}"
        raise UsageError(f"no op {name!r}; {advice}")
    return op
