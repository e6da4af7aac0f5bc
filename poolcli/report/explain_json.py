"""An explained pooling as one JSON object, written piece by piece: there can be many windows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from poolcli.analysis.explain import Explanation
from poolcli.analysis.steps import Step
from poolcli.errors import InputError
from poolcli.report.json_lines import plain_values, text
from poolcli.report.windows.grid import Box

MOST_VALUES = 4_000_000
"""Windows of more values than this in all are no longer told of at once."""


def explanation_json(
    label: str,
    explanations: Sequence[Explanation],
    boxes: Sequence[Box | None],
    *,
    word: Callable[[str], str] = str,
) -> Iterator[str]:
    """Yield the pieces of one line of strict JSON.

    ``formula`` holds an object for each spatial axis (and level), ``cells`` one for each window of
    the first plane: its place in the output, the positions and the values of its real cells, the
    winner's position (or null), the result, and the arithmetic in words. NaN and infinities are
    written as in the report of a pooling. ``word`` puts warnings into words of who reads them.
    Raises InputError where that would be without end.
    """
    parts = [(one, box) for one, box in zip(explanations, boxes, strict=True) if box is not None]
    most = sum(box.size * math.prod(w.largest for w in one.windows) for one, box in parts)
    if most > MOST_VALUES:
        raise InputError(
            f"its windows hold {most} values in all; choose some with `at` or `region`"
        )
    plan = explanations[0].plan
    record: dict[str, Any] = {
        "label": text(label),
        **plan.as_json(),
        "input": _array(plan.input_shape, plan.input_dtype, plan.layout),
        "output": _array(plan.output_shape, plan.output_dtype, plan.output_layout),
        "dropped": dict(plan.dropped),
        "warnings": [] if plan.warning is None else [text(word(plan.warning))],
        "planes": dict(explanations[0].planes),
        "formula": [formula for one, _ in parts for formula in _formulas(one)],
    }
    yield json.dumps(record, allow_nan=False)[:-1]
    yield ', "cells": ['
    steps = (one.step(at) for one, box in parts for at in box.positions())
    for number, step in enumerate(steps):
        yield (", " if number else "") + json.dumps(_cell(step), allow_nan=False)
    yield "]}"


def _array(shape: tuple[int, ...], dtype: np.dtype[Any], layout: str) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": dtype.name, "layout": layout}


def _formulas(explanation: Explanation) -> Iterator[dict[str, Any]]:
    for axis in explanation.axes:
        numbers = axis._asdict()
        numbers["padding"] = list(axis.padding)
        if explanation.level is not None:
            numbers["level"] = explanation.level[0]
        yield numbers


def _cell(step: Step) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "at": list(step.output_at),
        "window": [list(position) for position in step.cells],
        "values": plain_values(step.values),
        "winner": None if step.winner is None else list(step.winner),
        "result": plain_values(np.asarray(step.result)),
        "text": step.text,
    }
    if step.probabilities is not None:
        cell["probabilities"] = step.probabilities.tolist()
        cell["expected"] = plain_values(np.asarray(step.expected))
    if not step.counts.all():
        cell["counts"] = step.counts.tolist()
    return cell
