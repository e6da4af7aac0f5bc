"""The command that pools by several stages, one after another."""

from __future__ import annotations

from poolcli.cli import takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.families import FAMILIES

_FORMS = [family.chain_form for family in FAMILIES.values()]
GRAMMAR = (
    f"A stage is {', '.join(_FORMS[:-1])} or {_FORMS[-1]}, and then "
    "the op's own parameters as NAME=VALUE; avg also takes divisor=N and count-include-pad. "
    "SIZE/STRIDE may be written as kSIZE sSTRIDE."
)


def build() -> Command:
    """Make the command."""
    help = (
        "Pool by several stages, one after another.\n\n"
        f"{GRAMMAR} --nan, --nodata and --min-valid hold for every stage."
    )
    return build_command("chain", help, takes.TAKES["chain"], _chain)


def _chain(values: Values) -> int:
    # NumPy comes with the chain, and not with --help.
    from poolcli.cli.requests import chain_of
    from poolcli.cli.runner import run

    return run(chain_of(values), values)
