"""The commands that write an array with smaller versions of it: multiscale pyramids."""

from __future__ import annotations

from poolcli.cli import pool, takes
from poolcli.cli.command import Command, Values, build_command, build_group
from poolcli.errors import UsageError
from poolcli.families import Family
from poolcli.ops import Op


def build() -> Command:
    """Make the group of the ops."""

    def callback() -> None:
        """Write an array and its overviews, every level pooled from full resolution."""

    return build_group("overviews", pool.op_entries(_command), what="op", callback=callback)


def _command(op: Op, _family: Family) -> Command:
    def body(values: Values) -> int:
        if values["output"] is None or values["output"] == "-":
            raise UsageError(
                "overviews are written with the array: say -o FILE.ome.zarr, FILE.tif, or a folder"
            )
        # NumPy comes with the request, and not with --help.
        from poolcli.cli.requests import overviews_of
        from poolcli.cli.runner import run

        # What is cut has the array's own type to fit.
        return run(overviews_of(op, values), {**values, "clip": False})

    help = (
        f"Write an array and its overviews: at every level {op.per_window or op.summary}, of"
        " windows over full resolution."
    )
    return build_command(op.name, help, takes.of_overviews(op), body)
