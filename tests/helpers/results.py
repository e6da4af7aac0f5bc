"""Results to show, pooled for real."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest

from poolcli import report
from poolcli.cli.messages import as_typed
from poolcli.geometry import Geometry, Sliding
from poolcli.outcomes import Result
from poolcli.request import Request

SEED = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def pooled(
    array: Any,
    op: str = "max",
    geometry: Geometry = Sliding(2),  # noqa: B008  (immutable)
    *,
    layout: str | None = None,
    label: str = "x.npy",
    kind: str = "npy",
    written: str | None = None,
    **asked: Any,
) -> Result:
    """Pool for real: what is shown is what the program would show."""
    array = np.asarray(array)
    plan = Request(op, geometry, layout=layout, threads=1, **asked).plan(array.shape, array.dtype)
    return Result(label, plan, plan.run(array), kind, written)


def identity(array: Any, **options: Any) -> Result:
    """A result that holds ``array`` itself."""
    return pooled(array, "max", Sliding(1), **options)


def plain(result: Result, *, encoding: str = "utf-8", preview: bool = True) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    report.show(result, stream=stream, terminal=False, preview=preview)
    stream.flush()
    return raw.getvalue().decode(encoding)


def terminal(
    result: Result,
    width: int = 80,
    *,
    full: bool = False,
    preview: bool = True,
    encoding: str = "utf-8",
    escapes: bool = False,
    **variables: str,
) -> str:
    """Draw on a terminal ``width`` wide, in true colour unless the environment says otherwise."""
    settings = {"COLUMNS": str(width), "LINES": "29", "TERM": "xterm-256color"}
    settings["COLORTERM"] = "truecolor"
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_COLOR", raising=False)
        for name, value in (settings | variables).items():
            patch.setenv(name, value)
        report.show(
            result,
            stream=stream,
            terminal=True,
            full=full,
            preview=preview,
            word=as_typed,
        )
    stream.flush()
    text = raw.getvalue().decode(encoding)
    text = text if escapes else ESCAPES.sub("", text)
    return "\n".join(line.rstrip() for line in text.split("\n"))
