"""One window under each framework's rules: what comes out, and which cells differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolcli.analysis.framework_rules import FRAMEWORKS, OPS, RuledSliding, Rules, asked
from poolcli.errors import InputError, UsageError
from poolcli.frameworks.defaults import find_preset
from poolcli.layout import Layout, find_layout, show_shape
from poolcli.ops import find_op
from poolcli.plan import Plan, Request
from poolcli.windows import Sliding


@dataclass(frozen=True)
class Verdict:
    """What one framework makes of it.

    Either ``refused`` says why there is nothing, or ``values`` is the result and ``differs`` marks
    the cells in which most frameworks with a result of this shape have another value (where there
    is no majority, all that are not alike). ``why`` says which rules of its own came into play.
    """

    framework: str
    layout: str
    input_shape: tuple[int, ...]
    values: NDArray[Any] | None = None
    differs: NDArray[np.bool_] | None = None
    refused: str | None = None
    why: tuple[str, ...] = ()


def compare(
    x: ArrayLike,
    op: str,
    windows: Sliding,
    *,
    layout: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[Verdict]:
    """Pool ``x`` with the same window under the rules of torch, Keras and ONNX.

    Parameters
    ----------
    x : array of bool, integers or floats
    op : max, avg or lp
    windows : what is None or not said is up to each framework
    layout : of ``x``; by default each framework reads it in its own
    params : parameters of the op, such as the norm

    Raises UsageError or InputError for windows that mean nothing under any rules.

    >>> from poolcli.windows import Sliding
    >>> [v.values.shape for v in compare(np.ones((4, 4)), "max", Sliding(2))]
    [(2, 2), (2, 2), (3, 3)]
    """
    array = np.asarray(x)
    name = find_op(op).name
    if name not in OPS:
        raise UsageError(f"op {op!r}: frameworks can be compared in {', '.join(OPS)}")
    if array.dtype.kind not in "biuf":
        raise InputError(f"dtype {array.dtype} cannot be pooled; bool, integers and floats can")
    found = [_verdict(array, name, windows, layout, params or {}, rules) for rules in FRAMEWORKS]
    return _marked(found)


def _verdict(
    x: NDArray[Any],
    op: str,
    windows: Sliding,
    layout: str | None,
    params: Mapping[str, Any],
    rules: Rules,
) -> Verdict:
    axes = find_layout(layout, x.shape, find_preset(rules.name).layouts)
    empty = Verdict(rules.name, axes.letters, x.shape)
    cells = [x.shape[axis] for axis in axes.spatial]
    wanted = asked(windows, axes.spatial_names, cells)
    if op not in rules.ops:
        return replace(empty, refused=f"it has no {op} pooling")
    for axis in wanted:
        for reason in rules.refusals(op, axis):
            return replace(empty, refused=reason)
    if rules.name == "torch" and math.isinf(params.get("norm", 2.0)):
        return replace(empty, refused="it raises cells to the norm, and has no limit for inf")
    geometry = RuledSliding(**vars(windows), rules=rules)
    request = Request(
        op,
        geometry,
        layout=axes.letters,
        like=rules.name,
        nan="skip" if _leaves_nan_out(rules, op) else "propagate",
        params=params,
    )
    try:
        plan = request.plan_part(geometry, x.shape, x.dtype)
    except InputError as error:
        return replace(empty, refused=str(error))
    values = _as_framework(plan, rules, op, x)
    case = Case(rules.name, op, windows, plan, layout is None, _has_nan(x), params)
    return replace(empty, values=values, why=tuple(reasons(case)))


def _leaves_nan_out(rules: Rules, op: str) -> bool:
    return rules.name == "keras" and op == "max"


def _as_framework(plan: Plan, rules: Rules, op: str, x: NDArray[Any]) -> NDArray[Any]:
    """The engine's result, with what the framework makes of it afterwards."""
    values = plan.run(x)
    if _leaves_nan_out(rules, op) and values.dtype.kind == "f":
        # TensorFlow begins with the lowest number, and nothing was larger.
        values = np.where(np.isnan(values), np.finfo(values.dtype).min, values)
    if rules.name == "torch" and op == "lp":
        values = values * _clipped_scale(plan, values.dtype)
    return values


def _clipped_scale(plan: Plan, dtype: np.dtype[Any]) -> NDArray[Any]:
    """How torch scales Lp windows that ceil mode lets reach past the end.

    It takes the mean over the real cells times the size of the kernel for the sum.
    """
    letters = plan.layout
    scale = np.ones((1,) * len(letters))
    for axis, w in zip(Layout(letters).spatial, plan.windows, strict=True):
        shape = [1] * len(letters)
        shape[axis] = w.out
        factors = [w.size(i) / w.real(i) for i in range(w.out)]
        scale = scale * np.array(factors).reshape(shape)
    return np.asarray(scale ** (1 / plan.request.params.get("norm", 2.0)), dtype)


def _has_nan(x: NDArray[Any]) -> bool:
    return x.dtype.kind == "f" and bool(np.isnan(x).any())


def _marked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with the cells marked that differ, and a word on shapes that no other has."""
    marked = []
    answers = [v for v in verdicts if v.values is not None]
    for verdict in verdicts:
        if verdict.values is None:
            marked.append(verdict)
            continue
        alike = [v for v in answers if _comparable(v, verdict)]
        same = np.stack([_equal(v.values, verdict.values) for v in alike if v.values is not None])
        differs = ~same.all(axis=0) & (2 * same.sum(axis=0) <= len(alike))
        why = verdict.why
        if len(alike) == 1 and len(answers) > 1:
            why = (*why, "no other framework gives this shape")
        marked.append(replace(verdict, differs=differs, why=why))
    return marked


def _comparable(a: Verdict, b: Verdict) -> bool:
    if a.values is None or b.values is None:
        return False
    return a.values.shape == b.values.shape and a.layout == b.layout


def _equal(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.isclose(a, b, rtol=1e-6, atol=0, equal_nan=True))


TITLES = {"torch": "torch", "keras": "Keras", "onnx": "ONNX"}


@dataclass(frozen=True)
class Case:
    """One framework's plan for what was asked."""

    framework: str
    op: str
    windows: Sliding
    plan: Plan
    own_layout: bool
    has_nan: bool
    params: Mapping[str, Any]

    @property
    def padded(self) -> bool:
        return any(w.pad_before > 0 or w.pad_after > 0 for w in self.plan.windows)

    @property
    def one_sided(self) -> bool:
        return any(w.pad_before != w.pad_after for w in self.plan.windows)

    @property
    def overhang(self) -> bool:
        """Whether some window reaches past the input and its padding."""
        return any(w.end(w.out - 1) > w.n + w.pad_after for w in self.plan.windows)

    @property
    def exceeds(self) -> bool:
        """Whether some window is longer than the padded input."""
        return any(
            w.end(0) - w.starts[0] > w.n + w.pad_before + w.pad_after for w in self.plan.windows
        )


def reasons(case: Case) -> Iterator[str]:
    """Say what the framework did that another might not."""
    for framework, applies, sentence in RULES:
        if framework in ("", case.framework) and applies(case):
            yield sentence(case) if callable(sentence) else sentence


def _layout(case: Case) -> str:
    return f"without a layout it reads {show_shape(case.plan.input_shape)} as {case.plan.layout}"


def _stride(case: Case) -> str:
    steps = show_shape([w.starts.step for w in case.plan.windows if isinstance(w.starts, range)])
    default = "1" if case.framework == "onnx" else "the size"
    return f"without a stride it steps by {default}: {steps}"


def _dilated_same(case: Case) -> bool:
    words = isinstance(case.windows.padding, str) and case.windows.padding != "valid"
    return words and any(w.dilation > 1 for w in case.plan.windows)


def _negative_same(case: Case) -> bool:
    return any(w.pad_before < 0 for w in case.plan.windows)


Rule = tuple[str, Callable[[Case], bool], str | Callable[[Case], str]]
RULES: tuple[Rule, ...] = (
    ("", lambda c: c.own_layout and len(c.plan.layout) > 2, _layout),
    ("", lambda c: c.windows.stride is None, _stride),
    (
        "",
        lambda c: c.windows.padding == "same" and c.one_sided,
        "the odd cell of padding that 'same' needs goes after the input",
    ),
    (
        "onnx",
        lambda c: c.windows.padding == "same-lower" and c.one_sided,
        "the odd cell of padding that SAME_LOWER needs goes before the input",
    ),
    (
        "onnx",
        _dilated_same,
        "onnxruntime computes the padding of SAME for the kernel without its dilation",
    ),
    (
        "onnx",
        _negative_same,
        "onnxruntime's padding for SAME is negative here, which moves the windows inwards",
    ),
    (
        "",
        lambda c: c.op == "max" and c.padded,
        "padding is -inf in max pooling, so it never wins",
    ),
    (
        "torch",
        lambda c: c.op == "avg" and c.padded,
        "padding counts as zeros in the mean (its count_include_pad is True by default)",
    ),
    (
        "onnx",
        lambda c: c.op == "avg" and c.padded,
        "padding does not count in the mean (its count_include_pad is 0 by default)",
    ),
    ("keras", lambda c: c.op == "avg" and c.padded, "padding never counts in the mean"),
    (
        "",
        lambda c: c.exceeds,
        "in ceil mode a kernel may exceed the padded input, and pools what there is",
    ),
    (
        "",
        lambda c: c.overhang,
        "ceil mode keeps a last window that reaches past the end, if it starts inside",
    ),
    (
        "",
        lambda c: c.op == "avg" and c.overhang,
        "the mean never counts the cells that ceil mode reaches past the end",
    ),
    (
        "torch",
        lambda c: c.op == "lp" and c.overhang,
        "where ceil mode clips a window it scales the sum up to a whole kernel",
    ),
    (
        "torch",
        lambda c: c.op == "lp" and c.params.get("norm", 2) % 2 != 0,
        "it sums x^p with its sign, and the root of a negative sum is NaN",
    ),
    (
        "onnx",
        lambda c: c.op == "lp" and c.params.get("norm", 2) % 2 != 0,
        "it sums the absolute values' powers",
    ),
    ("torch", lambda c: c.has_nan and c.op == "max", "NaN is larger than any number"),
    (
        "keras",
        lambda c: c.has_nan and c.op == "max",
        "TensorFlow on a CPU leaves NaN out, and a window of NaN alone gives the lowest number",
    ),
    (
        "onnx",
        lambda c: c.has_nan and c.op == "max",
        "onnxruntime leaves NaN out or not by where in the window it stands; here it never does",
    ),
)
