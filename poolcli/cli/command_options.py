"""Options and arguments of one command, or of a few that go together, each declared once."""

from __future__ import annotations

from enum import StrEnum

from poolcli.cli.declare import argument, option, reworded, switch
from poolcli.cli.options import JSON, LAYOUT, NO_PREVIEW, OVERWRITE, QUIET, TARGET
from poolcli.families import FAMILIES, SLIDING
from poolcli.frameworks.table import OPS as FRAMEWORK_OPS
from poolcli.frameworks.table import TABLE as FRAMEWORKS

OVERVIEWS = (
    option(
        "size",
        str,
        "How many times smaller each level is than the one before: 2, or by axis 1x2x2.",
        "--size",
        "-k",
        metavar="SIZE",
        default="2",
    ),
    option(
        "levels",
        int | None,
        "How many smaller levels to write (default: until no pooled axis is longer than 256).",
        "--levels",
        min=1,
    ),
)
STAGES = argument("stages", str, "STAGES", '"max 3/2 p1 | avg 2 | global avg"')
SHAPE = argument("shape", str, "SHAPE", "Such as 224x224x64 or (224, 224, 64).")
CODE = option(
    "code",
    str | None,
    "Print the layers of this framework that do the same, as Python code.",
    "--code",
    metavar="|".join(FRAMEWORKS),
    words=tuple(FRAMEWORKS),
)

CONFORM = (
    option(
        "op",
        str,
        "What to pool by (default: max).",
        "--op",
        metavar="|".join(FRAMEWORK_OPS),
        words=FRAMEWORK_OPS,
        default="max",
    ),
    option("norm", float | None, "Norm of lp (default: 2).", "--norm"),
    reworded(
        LAYOUT,
        "Which axis is which, such as HW, CHW or NHWC (default: what a picture file says, else "
        "each framework's own).",
    ),
    reworded(JSON, "One JSON object per framework."),
    reworded(NO_PREVIEW, "Show who differs and why, without numbers."),
    reworded(QUIET, "Only say whether they agree: one line for each input."),
)


# Which windows are shown, and how.
WHICH = (
    option(
        "at",
        str | None,
        "Show the one window whose result stands there in the output: ROW,COLUMN.",
        "--at",
        metavar="R,C",
    ),
    switch("all", "Show every window, however long that gets.", "--all"),
    option(
        "region",
        str | None,
        "Show the windows within these rows and columns of the input: 0:8,0:8.",
        "--region",
        metavar="R:R,C:C",
    ),
    switch(
        "step",
        "Go from window to window with the keys; without a terminal, print the steps.",
        "--step",
    ),
    reworded(JSON, "One JSON object per input, with every window in it."),
)


# Several ops on the same windows: sliding ones, whose size may be left out there.
MEASURED = SLIDING._replace(
    params=(
        SLIDING.params[0]._replace(help="Window size: N, HxW or DxHxW (default: 2).", examples=()),
        *SLIDING.params[1:],
    )
)
SHIFT_AXES = ("width", "height", "depth")


COMPARED_OPS = option(
    "ops",
    str | None,
    "Ops to compare, with commas between them.",
    "--ops",
    metavar="OP,OP",
)


SHEET = (
    reworded(
        TARGET,
        "Also write a contact sheet: the input and each output in one size, as a picture.",
        metavar="FILE",
    ),
    reworded(OVERWRITE, "Replace a sheet that exists."),
    reworded(JSON, "One JSON object per op."),
)
SHIFTING = (
    option(
        "shifts",
        str | None,
        "How many cells to move by, with commas between them (default: 1,2,3,4).",
        "--shifts",
        metavar="N,N",
    ),
    option(
        "axis",
        str,
        "The axis to move along (default: width).",
        "--axis",
        default="width",
        metavar="|".join(SHIFT_AXES),
        words=SHIFT_AXES,
    ),
)


ANIMATION = (
    reworded(
        TARGET,
        "Write to this file: .gif or .png (APNG) moves, .html is a page to play with.",
        metavar="FILE",
    ),
    option(
        "seconds",
        float | None,
        "How long each window is shown (default: 0.9).",
        "--seconds",
    ),
    reworded(OVERWRITE, "Replace an output that exists."),
    reworded(QUIET, "Say nothing of what was written."),
)


class Shell(StrEnum):
    """The shells whose completion is known."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


INSTALL = (
    switch(
        "install",
        "Write the script where the shell finds it, and a line into its start-up file.",
        "--install",
    ),
    reworded(OVERWRITE, "Replace a script that exists and is another."),
)


# Of the pooling: where it slid windows, their numbers; for other windows what was pooled.
UNPOOL_WINDOWS = (
    *(param for param in SLIDING.params if param.name in ("size", "stride", "padding")),
    *(param for param in FAMILIES["adaptive"].params if not param.cuts_cells),
)
