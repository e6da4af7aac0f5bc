"""One self-contained page on which a small matrix is pooled as the reader plays with it.

The page computes by itself, with no network and no framework: its parts lie in ``page/``. What is
asked is put into it as JSON.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from poolcli import __version__
from poolcli.analysis.palette import HUES
from poolcli.analysis.timing import SECONDS, check_seconds
from poolcli.errors import InputError, UsageError
from poolcli.ops import OPS, Op
from poolcli.plan import Plan
from poolcli.request import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CELLS = 8
"""Rows and columns of the input: as many as fit a phone."""

_NOT_HERE = "a page slides windows of one size over one or two axes; write .gif or .png instead"
_SCRIPTS = ("pooling.js", "ops.js", "words.js", "page.js")


def make_page(x: NDArray[Any], request: Any, *, seconds: float = SECONDS) -> str:
    """Make the page for one plane.

    Parameters
    ----------
    x: the plane, of one or two axes with at most ``MOST_CELLS`` cells each.
    request: what the page begins with: any op that it knows, with sliding windows.
    seconds: how long a window is shown while it plays.

    Returns
    -------
    HTML that needs nothing but itself.

    Raises
    ------
    UsageError: an op or windows that the page does not have.
    InputError: windows that do not fit the plane.

    >>> import numpy as np
    >>> from poolcli.geometry import Sliding
    >>> page = make_page(np.eye(4), Request("max", Sliding(2)))
    >>> page.partition("<title>")[2].partition("</title>")[0]
    'max 2×2 stride 2 · poolcli'
    """
    if not isinstance(request, Request) or x.ndim > 2:
        raise UsageError(_NOT_HERE)
    request = replace(request, layout="HW"[-x.ndim :], keepdims=True, dtype=None)
    plan = request.plan(x.shape, x.dtype).single
    if plan is None:
        raise UsageError(_NOT_HERE)
    plan.run(x)  # what the engine refuses of these values is refused here
    settings = _settings(x, plan, seconds)
    parts = {
        "version": __version__,
        "title": html.escape(f"{_title(settings)} · poolcli"),
        "style": f"{_colours()}\n{_part('page.css')}",
        "script": "\n".join(_part(name) for name in _SCRIPTS),
        "settings": _as_data(settings),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("page.html"))


@cache
def known_ops() -> tuple[str, ...]:
    """Give the names of the ops that the page can do: those that have a row in its own table."""
    rows = _part("ops.js").partition("const OPS = {\n")[2]
    return tuple(name for name in re.findall(r"^  (\w+): \{", rows, re.MULTILINE) if name in OPS)


def _part(name: str) -> str:
    return resources.files("poolcli.analysis").joinpath("page", name).read_text("utf-8").rstrip()


def _as_data(settings: dict[str, Any]) -> str:
    """Write JSON so that nothing in it can end the script that it stands in."""
    text = json.dumps(settings, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _settings(x: NDArray[Any], plan: Plan, seconds: float) -> dict[str, Any]:
    request = plan.request
    if request.op not in known_ops():
        raise UsageError(f"a page does not do {request.op}, only {', '.join(known_ops())}")
    steps = [w.starts.step for w in plan.windows if isinstance(w.starts, range)]
    sizes = [w.sizes for w in plan.windows if isinstance(w.sizes, int)]
    if not len(steps) == len(sizes) == x.ndim:
        raise UsageError(_NOT_HERE)
    if max(x.shape) > MOST_CELLS:
        raise InputError(f"a page has at most {MOST_CELLS} rows and columns")
    return {
        "op": request.op,
        "axes": x.ndim,
        "cells": [[_number(value) for value in row] for row in x.reshape(-1, x.shape[-1])],
        "size": sizes,
        "stride": steps,
        "padding": [[w.pad_before, w.pad_after] for w in plan.windows],
        "dilation": [w.dilation for w in plan.windows],
        "ceil": getattr(request.geometry, "ceil_mode", False),
        "seconds": check_seconds(seconds),
        "ops": {name: _op_facts(OPS[name], request) for name in known_ops()},
        "policy": {
            "countPadding": request.counts_padding,
            "divisor": request.divisor,
            "skipNaN": request.nan == "skip",
            "refuseNaN": request.nan == "error",
            "nodata": None if request.nodata is None else _number(request.nodata),
            "minValid": request.min_valid,
        },
        "flags": _flags(request),
    }


def _op_facts(op: Op, request: Request) -> dict[str, Any]:
    """Say what the page has to know of an op, with the parameters that were given for it."""
    defaults = {param.name: param.default for param in op.params}
    params = defaults | (request.op_params if op.name == request.op else {})
    flags = []
    for name, value in params.items():
        if value != defaults[name]:
            flags += _typed(name, value)
    if op.divides:
        flags += _typed("count_include_pad", True) if request.counts_padding else []
        flags += [] if request.divisor is None else _typed("divisor", request.divisor)
    return {
        "summary": op.summary,
        "padding": op.padding,
        "params": {name: _number(value) for name, value in params.items()},
        "flags": flags,
    }


def _flags(request: Request) -> list[str]:
    """Give the options, for any op, that say what is missing."""
    flags = [] if request.nan == "propagate" else _typed("nan", request.nan)
    flags += [] if request.nodata is None else _typed("nodata", request.nodata)
    return flags + (_typed("min_valid", request.min_valid) if request.min_valid else [])


def _typed(name: str, value: object) -> list[str]:
    """A keyword as the command on the page has it: a flag, and what follows it."""
    flag = f"--{'no-' if value is False else ''}{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag]
    short = isinstance(value, float) and value == float(f"{value:g}")
    return [flag, f"{value:g}" if short else str(value)]


def _number(value: Any) -> Any:
    """A number as JSON has it: floats of any width by their shortest digits, NaN and inf as words.

    >>> import numpy as np
    >>> _number(np.float32(0.1)), _number(np.uint8(3)), _number(-np.inf)
    (0.1, 3, '-inf')
    """
    if isinstance(value, (str, bool)):
        return value
    if float(value).is_integer() and abs(float(value)) < 2**53:
        return int(value)
    shortest = float(str(value))
    return shortest if abs(shortest) < float("inf") else str(shortest)


def _title(settings: dict[str, Any]) -> str:
    size = "×".join(map(str, settings["size"]))
    stride = "×".join(map(str, dict.fromkeys(settings["stride"])))
    return f"{settings['op']} {size} stride {stride}"


def _colours() -> str:
    """The colours of windows as CSS variables: strong, and as tints of a light and a dark page."""

    def variables(letter: str, which: int) -> str:
        return " ".join(f"--{letter}{i}: {hue[which]};" for i, hue in enumerate(HUES))

    return (
        f":root {{ {variables('w', 0)} {variables('t', 1)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables('t', 2)} }} }}"
    )
