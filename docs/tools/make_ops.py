"""Write ops.md from the records of the ops: ``make docs``, or ``python docs/tools/make_ops.py``.

What a record says is quoted. What it does not say (types, NaN, padding) is tried out on a few
cells, so that the page cannot say what the program does not do.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from poolcli import global_pool, pool
from poolcli.cli.declare import default_of, flag_of
from poolcli.cli.main import main
from poolcli.geometry import Global
from poolcli.ops import OPS, Op
from poolcli.request import Request

PAGE = Path(__file__).parents[1] / "ops.md"
INTRODUCTION = """\
# Operations

An operation says how the values of one window become one number. Every one of them works in every
family of [windows](windows.md), in every [layout](layouts-and-frameworks.md) and with every type.

This page is made by `docs/tools/make_ops.py` from the rows of `poolcli/ops.py` and from what
the ops do to a few cells. n is the number of cells in a window.

Results hold to the ends of what float64 holds, also where sums or squares on the way there would
not. There are exceptions: `lp` with signs gives an infinity or NaN where a sum of powers is one;
and `std` loses digits of deviations below 1e-154, whose squares are too small, or all of them.

`avg` and `sum` are within 2 ulp (units in the last place) of the exact result for the mean and the
sum of the absolute values. `var` and `std` are within 4 ulp of the exact result, most within 1,
however large the mean is beside the deviations and however wide the integers. As r nears 0, `lse`
is the mean.
"""
MATRIX = "1 3 2 4; 5 6 1 2; 2 4 0 1; 1 2 3 4"
DTYPES = ("bool", "uint8", "int32", "float16", "float32", "float64")
CELLS = np.array([[4.0, 8.0, 1.0], [2.0, 6.0, 7.0], [3.0, 5.0, 9.0]])
CORNER = CELLS[:2, :2]
EVEN = np.array([[4.0, 1.0, 3.0, 2.0]])
HOLE = np.array([[1.0, np.nan, 3.0, 2.0]])
HOLE_FIRST = np.array([[np.nan, 1.0, 3.0, 2.0]])


def page() -> str:
    """Give the text of the page."""
    links = "\n".join(
        textwrap.wrap(
            ", ".join(f"[`{name}`](#{name})" for name in OPS), 100, break_on_hyphens=False
        )
    )
    sections = "\n".join(section(op) for op in OPS.values())
    return f"{INTRODUCTION}\n{links}\n\n{sections}"


def section(op: Op) -> str:
    """Give what there is to say about one op."""
    also = f" Also called {' and '.join(f'`{name}`' for name in op.aliases)}." * bool(op.aliases)
    rows = "".join(f"| {name} | {text.replace('|', chr(92) + '|')} |\n" for name, text in facts(op))
    command = f"poolcli {op.name} --size 2 --matrix {shlex.quote(MATRIX)}".replace("'", '"')
    return (
        f"## {op.name}\n\n"
        f"{op.summary[0].upper()}{op.summary[1:]}.{also}\n\n"
        f"    {op.formula}\n\n"
        f"| | |\n|---|---|\n{rows}\n"
        f"```console\n$ {command}\n{output(command)}```\n"
    )


def facts(op: Op) -> Iterator[tuple[str, str]]:
    """Give the rows of an op's table."""
    yield "Source", op.source
    for param in op.params:
        yield f"`{flag_of(param)}`", f"{param.help} (default: {default_of(param)})"
    yield "Types", types(op)
    yield "NaN", nan(op)
    yield "Padding", padding(op)
    if op.empty is not None:
        yield "Nothing there", f"windows in which no cell counts give {op.empty}"
    if op.weighs is not None:
        yield "Weights", "`--weights FILE` says how much each cell counts; `--by-area` cuts cells"
    if op.winner is not None:
        yield "Positions", positions(op)


def types(op: Op) -> str:
    """Say which types the results have, for those of the input."""
    groups: dict[str, list[str]] = {}
    for name in DTYPES:
        result = Request(op.name, Global()).plan((2, 2), np.dtype(name)).output_dtype.name
        groups.setdefault("" if result == name else result, []).append(name)
    kept = groups.pop("", [])
    if not groups:
        return "all are kept"
    changed = [f"{', '.join(names)} → {result}" for result, names in groups.items()]
    return "; ".join([*changed, f"{', '.join(kept)} are kept"] if kept else changed)


def nan(op: Op) -> str:
    """Say what a window with NaN in it gives."""
    results = [number(global_pool(x, op.name)) for x in (HOLE, HOLE_FIRST)]
    skipped = number(global_pool(HOLE, op.name, nan="skip"))
    without = number(global_pool(HOLE[~np.isnan(HOLE)], op.name))
    if results == ["NaN", "NaN"]:
        said = "one in a window makes its result NaN"
    elif "NaN" not in results and op.empty is not None:
        return f"it never counts: 1 NaN 3 2 gives {results[0]}"
    elif results[1] == "NaN":
        said = "only where it is the value that counts"
    else:
        raise AssertionError(f"{op.name} loses NaN: {results}")
    left_out = "it is left out" if skipped == without else "the others share its weight"
    return f"{said}; with `--nan skip` {left_out}: 1 NaN 3 2 gives {skipped}"


def padding(op: Op) -> str:
    """Say what a window over an edge gives."""
    default = f"`--padding {op.padding}` unless another is given; " if op.padding else ""
    corner = number(pool(CELLS, op.name, 4, padding=2)[0, 0])
    mirrored = np.pad(CELLS, 2, mode="reflect")[:4, :4]
    if corner == number(global_pool(CORNER, op.name)):
        said = f"left out: a 4×4 window at a corner that holds 4 8; 2 6 gives {corner}"
    elif corner == number(pool(mirrored, op.name, 4, padding=0)):
        said = f"mirrors the cells inside the edge: at a corner 4 8 1; 2 6 7; 3 5 9 gives {corner}"
    else:
        raise AssertionError(f"{op.name} does something new with padding: {corner}")
    if op.divides:
        counted = pool(CELLS, op.name, 4, padding=2, count_include_pad=True)[0, 0]
        said += f", with `--count-include-pad` {number(counted)}"
    return default + said


def positions(op: Op) -> str:
    """Say which position a window gives, also where its value is that of no cell."""
    said = "`--indices FILE` writes where each window's value was"
    plan = Request(op.name, Global()).plan(EVEN.shape, EVEN.dtype)
    value, winner = plan.run(EVEN).item(), EVEN.flat[plan.winners(EVEN).item()]
    if winner == value:
        return said
    below = max(cell for cell in EVEN.flat if cell < value)
    if winner != below:
        raise AssertionError(f"{op.name} has a new kind of position: {winner} for {value}")
    cells = " ".join(map(number, EVEN.flat))
    return (
        f"{said}; between two middle values, where the lower one was: {cells} gives "
        f"{number(value)} and the place of {number(winner)}"
    )


def number(value: np.ndarray) -> str:
    """Write one number."""
    value = float(np.asarray(value).item())
    return "NaN" if np.isnan(value) else f"{value:.6g}"


def output(command: str) -> str:
    """Run an example and give what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main(shlex.split(command)[1:])
    return printed.getvalue()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
