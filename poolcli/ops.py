"""The pooling operations, one row each: add an op by adding a row to ``ROWS``."""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from poolcli import parameters
from poolcli.checks import shown
from poolcli.engine.kernels import Compiled, Composed, Gathered, Kernel, Weighted
from poolcli.errors import UsageError

if TYPE_CHECKING:
    from poolcli.analysis.arithmetic import Equation, Odds, WindowValues

MakeKernel = Callable[[Mapping[str, Any]], Kernel]
MakeEquation = Callable[["WindowValues", Mapping[str, Any]], "Equation"]
MakeOdds = Callable[["WindowValues", Mapping[str, Any]], "Odds | None"]


class Param(NamedTuple):
    """A parameter of one op: an option of its command and a keyword of the Python functions."""

    name: str
    type: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    """The words that mean something, where they are few."""
    no_preset: Callable[[Mapping[str, Any]], bool] = lambda _said: False
    """Whether a framework's default for it means nothing beside what is said."""


class Weighs(NamedTuple):
    """The kernels of an op, which has no parameters, where cells do not all count the same."""

    cut: Kernel
    """For windows that cut the cells at their ends."""
    weighted: Kernel
    """For cells that have weights of their own."""
    both: Kernel


class Op(NamedTuple):
    """Everything that is known of one pooling operation.

    ``kernel`` is given the op's parameters and says how windows are pooled, see
    ``poolcli/engine/kernels.py``.
    """

    name: str
    summary: str
    formula: str
    source: str
    kernel: MakeKernel
    aliases: tuple[str, ...] = ()
    composes: str = ""
    """The kinds of dtypes of which it gives the same, to the bit, of its results of parts.

    Of floats an extreme may be a zero of either sign, and a sum is rounded in its order.
    """
    divides: bool = False
    """Whether it divides by a count of cells: then count_include_pad and divisor mean something."""
    padding: str | int = 0
    """The padding of sliding windows when none is given."""
    params: tuple[Param, ...] = ()
    weighs: Weighs | None = None
    """For ops whose cells can count more and less than others: how."""
    winner: MakeKernel | None = None
    """For ops that pick a cell by its value: the kernel that gives the picked cell's position."""
    share: MakeKernel | None = None
    """For ops that pick a value: the kernel of the share of the cells that count which have it."""
    empty: int | None = None
    """What a window gives in which no cell counts; None: nodata, or NaN."""
    by_position: bool = False
    """Whether it takes cells by where they stand in the window, whatever their values."""
    averages: bool = False
    """Whether results are means: of colours weighted by alpha, and in linear light if wanted."""
    whole_weights: bool = False
    """Whether those means weight cells by whole numbers, so that sums of integers are exact."""
    least_size: int = 1
    """The least window at which it is not the same as another op."""
    example: Mapping[str, object] = {}
    """Parameters of its own, with values, that an example of its commands shows."""
    shown_by: Mapping[str, int] = {}
    """The commands that show it beside others unless told which, and where it stands there."""
    per_window: str = ""
    """What a window gives, where "of each window" after the summary does not say it."""
    equation: MakeEquation | None = None
    """The arithmetic of one window in words; without it the values are listed."""
    odds: MakeOdds | None = None
    """For ops that draw: how probable the values of a window are."""
    picked: MakeKernel | None = None
    """For ops that give one of the cells: the kernel of its position, where ``winner`` has none."""
    gives_cells: Callable[[Mapping[str, Any]], bool] = lambda _params: False
    """Whether results are cells, so that where they come from can be seen from their values."""


def compiled(name: str, result: str = "keeps", **known: Any) -> MakeKernel:
    """A kernel of ``poolcli/kernels`` that has no parameters."""
    kernel = Compiled(name, result, **known)
    return lambda _params: kernel


def compiled_with(make: Callable[..., Compiled]) -> MakeKernel:
    """A kernel of ``poolcli/kernels`` that ``make`` gives for the op's parameters, by name."""
    return lambda params: make(**params)


def made_of(first: str, second: str, formula: Callable[[Any, Any], Any]) -> MakeKernel:
    """The kernel of an op that is a formula of two others' results, which it gets as floats."""

    def kernel(_params: Mapping[str, Any]) -> Kernel:
        parts = (_plainly(first), _plainly(second))
        return Composed(*parts, formula)

    return kernel


def _plainly(name: str) -> Compiled:
    """The kernel of an op with its parameters left as they are by default."""
    op = find_op(name)
    kernel = op.kernel({param.name: param.default for param in op.params})
    if not isinstance(kernel, Compiled) or kernel.whole or kernel.one_pass:
        raise UsageError(f"{name}, which looks at whole windows, can be no part of another op")
    return kernel


def in_python(function: Callable[..., Any], result: str = "real") -> MakeKernel:
    """The kernel of an op that is a NumPy function of ``cells``, ``valid`` and the parameters.

    See :class:`poolcli.engine.kernels.Gathered`.
    """

    def kernel(params: Mapping[str, Any]) -> Kernel:
        return Gathered(lambda cells, valid: function(cells, valid, **params), result)

    return kernel


_MEAN, _SUM = Compiled("avg", "real"), Compiled("sum", "sum")
_AREA_MEAN, _AREA_SUM = (Compiled("area", "real", q=(sums,), whole=True) for sums in (0, 1))


def _share_of_most_frequent(_params: Mapping[str, Any]) -> Kernel:
    from poolcli import shares  # late: few runs ask for it

    return Gathered(shares.most_frequent, "share")


def arithmetic(function: str, *args: object) -> Callable[[WindowValues, Mapping[str, Any]], Any]:
    """A function of ``poolcli.analysis.arithmetic``, which is imported when first used."""

    def make_text(window: WindowValues, params: Mapping[str, Any]) -> Any:
        make = getattr(importlib.import_module("poolcli.analysis.arithmetic"), function)
        return make(window, *args, **params)

    return make_text


_METHOD = Param(
    "method",
    str,
    "linear",
    "between two values: linear, lower, higher, nearest or midpoint",
    parameters.METHODS,
)

ROWS = (
    Op(
        name="max",
        summary="the largest value",
        formula="max(x)",
        source="Zhou & Chellappa 1988; ONNX MaxPool",
        composes="biu",
        kernel=compiled("max"),
        equation=arithmetic("listed", "max"),
        winner=compiled("argmax", "place"),
        shown_by={"compare": 1, "shift-test": 1},
    ),
    Op(
        name="min",
        summary="the smallest value",
        formula="min(x)",
        source="max pooling of the negated values",
        composes="biu",
        kernel=compiled("min"),
        equation=arithmetic("listed", "min"),
        winner=compiled("argmin", "place"),
    ),
    Op(
        name="avg",
        aliases=("mean",),
        summary="the arithmetic mean",
        formula="Σx / n",
        source="LeCun et al. 1989; ONNX AveragePool",
        kernel=compiled("avg", "real"),
        weighs=Weighs(
            cut=_AREA_MEAN,
            weighted=Weighted(_SUM, _MEAN, divides=True),
            both=Weighted(_AREA_SUM, _AREA_MEAN, divides=True),
        ),
        equation=arithmetic("mean"),
        averages=True,
        divides=True,
        whole_weights=True,
        shown_by={"compare": 2, "shift-test": 2},
    ),
    Op(
        name="sum",
        summary="the sum",
        formula="Σx",
        source="avg pooling without its division",
        composes="iu",
        kernel=compiled("sum", "sum"),
        weighs=Weighs(
            cut=_AREA_SUM,
            weighted=Weighted(_SUM, _MEAN, divides=False),
            both=Weighted(_AREA_SUM, _AREA_MEAN, divides=False),
        ),
        equation=arithmetic("total"),
        shown_by={"compare": 4},
    ),
    Op(
        name="lp",
        summary="the p-norm",
        formula="(Σ|x|^p)^(1/p)",
        source="Boureau, Ponce & LeCun 2010; ONNX LpPool",
        example={"norm": 3},
        kernel=compiled_with(parameters.lp),
        equation=arithmetic("power_sum"),
        params=(
            Param("norm", float, 2.0, "the p of the norm; inf for the largest magnitude"),
            Param(
                "signed",
                bool,
                False,
                "keep the sign of x^p, as torch does; not for norm inf",
                no_preset=lambda said: said.get("norm") == math.inf,
            ),
        ),
    ),
    Op(
        name="rms",
        summary="the root of the mean square",
        formula="(Σx² / n)^(1/2)",
        source="lp with p = 2 of a mean instead of a sum",
        kernel=compiled("rms", "real"),
        equation=arithmetic("root_mean_square"),
        averages=True,
    ),
    Op(
        name="median",
        summary="the middle of the sorted values",
        formula="x₍₍ₙ₋₁₎/₂₎ of x₍₀₎ ≤ … ≤ x₍ₙ₋₁₎",
        source="Tukey 1977; scipy.ndimage.median_filter",
        example={"method": "lower"},
        kernel=compiled_with(parameters.median),
        equation=arithmetic("between_ranks"),
        winner=compiled_with(parameters.median_position),
        params=(_METHOD,),
        shown_by={"compare": 3, "shift-test": 3},
    ),
    Op(
        name="quantile",
        summary="the value below which a fraction q of the others lies",
        formula="x₍₍ₙ₋₁₎q₎ of x₍₀₎ ≤ … ≤ x₍ₙ₋₁₎",
        source="Hyndman & Fan 1996, definition 7; numpy.quantile",
        example={"q": 0.9},
        kernel=compiled_with(parameters.quantile),
        equation=arithmetic("between_ranks"),
        per_window="the value below which a fraction q of each window lies",
        picked=compiled_with(parameters.quantile_position),
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
        kernel=compiled("mode", digits=parameters.RANKED_BITS, one_pass=True),
        equation=arithmetic("most_frequent"),
        share=_share_of_most_frequent,
        gives_cells=lambda _params: True,
    ),
    Op(
        name="range",
        summary="the largest minus the smallest value",
        formula="max(x) − min(x)",
        source="the morphological gradient of a flat window",
        kernel=compiled("range", "sum"),
        equation=arithmetic("extent"),
    ),
    Op(
        name="std",
        summary="the standard deviation",
        formula="(Σ(x − mean)² / (n − ddof))^(1/2)",
        source="Chan, Golub & LeVeque 1979",
        example={"ddof": 1},
        kernel=compiled_with(parameters.std),
        equation=arithmetic("deviation"),
        params=(Param("ddof", int, 0, "what is taken from n before dividing"),),
    ),
    Op(
        name="var",
        summary="the variance",
        formula="Σ(x − mean)² / (n − ddof)",
        source="Chan, Golub & LeVeque 1979",
        example={"ddof": 1},
        kernel=compiled_with(parameters.var),
        equation=arithmetic("variance"),
        params=(Param("ddof", int, 0, "what is taken from n before dividing"),),
    ),
    Op(
        name="stochastic",
        summary="a value drawn with a probability in proportion to itself",
        formula="x drawn with P(x) = x / Σx; expected: Σx² / Σx",
        source="Zeiler & Fergus 2013",
        example={"seed": 7},
        kernel=compiled_with(parameters.stochastic),
        equation=arithmetic("draw"),
        odds=arithmetic("odds"),
        per_window="a value drawn with P(x) = x / Σx",
        gives_cells=lambda params: params["mode"] == "sample",
        params=(
            Param(
                "mode",
                str,
                "sample",
                "sample, or expected for the mean of all draws",
                parameters.DRAWS,
            ),
            Param("seed", int, 0, "seed of the draws"),
            Param(
                "negatives",
                str,
                "error",
                "negative values: error, relu or shift",
                parameters.NEGATIVES,
            ),
        ),
        shown_by={"compare": 5},
    ),
    Op(
        name="gem",
        summary="the generalised mean",
        formula="(Σ max(x, eps)^p / n)^(1/p)",
        source="Radenović, Tolias & Chum 2018",
        example={"p": 4},
        kernel=compiled_with(parameters.gem),
        equation=arithmetic("generalised_mean"),
        averages=True,
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
        kernel=compiled("soft", "real"),
        equation=arithmetic("soft"),
        averages=True,
    ),
    Op(
        name="lse",
        summary="the log of the mean exponential",
        formula="log(Σe^(r·x) / n) / r",
        source="Pinheiro & Collobert 2015",
        example={"r": 5},
        kernel=compiled_with(parameters.lse),
        equation=arithmetic("log_mean_exponential"),
        averages=True,
        params=(Param("r", float, 1.0, "near 0 it is the mean, and large it is max"),),
    ),
    Op(
        name="mixed",
        summary="a blend of max and avg",
        formula="α·max(x) + (1 − α)·Σx / n",
        source="Lee, Gallagher & Tu 2016",
        example={"alpha": 0.8},
        kernel=compiled_with(parameters.mixed),
        equation=arithmetic("mixed"),
        averages=True,
        divides=True,
        params=(Param("alpha", float, 0.5, "the share of max"),),
    ),
    Op(
        name="blur",
        summary="the mean with binomial weights: downsampling without aliasing",
        formula="Σw·x with w the binomial coefficients / 2^(k−1), by axis",
        source="BlurPool: Zhang 2019",
        kernel=compiled("blur", "real", mirrors=True, whole=True),
        equation=arithmetic("weighted_mean"),
        averages=True,
        padding="center",
        whole_weights=True,
        least_size=3,
        shown_by={"compare": 7, "shift-test": 5},
    ),
    Op(
        name="subsample",
        summary="the first value",
        formula="x₀",
        source="strided slicing",
        composes="biuf",
        kernel=compiled("subsample"),
        by_position=True,
        equation=arithmetic("first"),
        gives_cells=lambda _params: True,
        shown_by={"compare": 6, "shift-test": 4},
    ),
    Op(
        name="count",
        summary="the number of cells that are there",
        formula="n",
        source="numpy.ma.count; NaN is no number, and never counts",
        kernel=compiled("count", "count"),
        empty=0,
        equation=arithmetic("counted"),
        per_window="the number of cells in each window that are there",
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
    op = _BY_ANY_NAME.get(name) or op_of_plugin(name)
    if op is None:
        known = [*OPS, *names_of_plugins()]
        close = difflib.get_close_matches(name, [*_BY_ANY_NAME, *known], 1)
        advice = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        raise UsageError(f"no op {name!r}; {advice}")
    return op


def op_of_plugin(name: str) -> Op | None:
    """The op of an installed plugin; None where none has one of that name.

    Raises UsageError where the plugin is refused.
    """
    from poolcli import plugins  # late: only an unknown name asks what is installed

    return next((offer.checked() for offer in plugins.offers("op", refused, name)), None)


def names_of_plugins() -> list[str]:
    """The names of the ops of installed plugins, whether they work or not."""
    from poolcli import plugins

    return [plugin.name for plugin in plugins.installed("op")]


def refused(name: str, row: object) -> str | None:
    """Say why what a plugin offers by this name is no op; None where it is one."""
    if name in _BY_ANY_NAME:
        return "there is an op of that name"
    if not isinstance(row, Op):
        return f"it is no poolcli.ops.Op, but of type {type(row).__name__}"
    if not callable(row.kernel):
        return "its kernel is no function"
    if name not in (row.name, *row.aliases):
        return f"the op calls itself {row.name!r}"
    taken = [one for one in (row.name, *row.aliases) if one in _BY_ANY_NAME]
    return f"there is an op {taken[0]!r}" if taken else None


def shown_by_default(command: str) -> list[Op]:
    """The ops that ``command`` shows beside each other where none are named, in its order.

    >>> [op.name for op in shown_by_default("shift-test")]
    ['max', 'avg', 'median', 'subsample', 'blur']
    """
    shown = [op for op in ROWS if command in op.shown_by]
    return sorted(shown, key=lambda op: op.shown_by[command])
