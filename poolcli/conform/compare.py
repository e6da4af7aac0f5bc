"""One window under each framework's rules: what comes out, and which cells differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolcli.conform.frameworks import FRAMEWORKS, OPS, RuledSliding, Rules, asked
from poolcli.conform.reasons import Case, reasons
from poolcli.errors import InputError, UsageError
from poolcli.geometry import Sliding
from poolcli.layout import Layout, find_layout
from poolcli.ops import find_op
from poolcli.plan import Plan, Request
from poolcli.presets import find_preset


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

    >>> from poolcli.geometry import Sliding
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
    request = Request(
        op,
        RuledSliding(**vars(windows), rules=rules),
        layout=axes.letters,
        like=rules.name,
        nan="skip" if _leaves_nan_out(rules, op) else "propagate",
        params=params,
    )
    try:
        plan = request.plan(x.shape, x.dtype)
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
