"""Words among the inputs that name none: ops, stages, and outputs where ``cp`` takes them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from poolcli.cli import messages
from poolcli.cli.command import Values
from poolcli.errors import UsageError

OP_FLAGS = {"ops": "--ops", "op": "--op"}


def refuse(inputs: Sequence[str], values: Values) -> None:
    """Refuse an op where an option takes it, and a stage of a chain, among the inputs.

    There is nothing else that they could be where there is no such file.
    """
    missing = [name for name in inputs if not os.path.lexists(name)]
    if missing:
        _refuse_ops(missing, values)
        _refuse_stages(missing, values)


def hint_at_output(inputs: Sequence[str], output: str | None) -> None:
    """Say how an output is named where the last of several inputs is not there and could be one."""
    if output is not None or len(inputs) < 2 or os.path.lexists(last := inputs[-1]):
        return
    from poolcli.formats.table import WRITABLE

    is_writable = os.path.splitext(last)[1].lower() in WRITABLE
    if is_writable and "://" not in last and not set("*?[") & set(last):
        messages.hint(f"{last}: what is named without an option is read; -o {last} writes it")


def _refuse_ops(missing: Sequence[str], values: Values) -> None:
    from poolcli.ops import ROWS

    flag = next((flag for name, flag in OP_FLAGS.items() if name in values), None)
    known = {name for op in ROWS for name in (op.name, *op.aliases)}
    ops = [name for name in missing if name in known]
    if flag is not None and ops:
        named = ops[0] if flag == "--op" else ",".join(ops)
        raise UsageError(f"{ops[0]}: there is no such file, and ops are named by {flag} {named}")


def _refuse_stages(missing: Sequence[str], values: Values) -> None:
    if "stages" not in values:
        return
    from poolcli.chain_syntax import parse_chain

    for name in missing:
        try:
            parse_chain(name)
        except UsageError:
            continue
        first = values["stages"]
        raise UsageError(
            f"{name}: there is no such file, and stages are one argument: '{first} | {name}'"
        )
