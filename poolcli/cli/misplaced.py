"""Words among the inputs that name none: ops, stages, and outputs where ``cp`` takes them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from poolcli.cli import messages
from poolcli.cli.command import Values
from poolcli.errors import UsageError

OP_FLAGS = {"ops": "--ops", "op": "--op"}


def look_for(inputs: Sequence[str], values: Values) -> None:
    """Say which option takes a word that stands among the inputs and names none.

    Raises UsageError for an op where an option takes it, and for a stage of a chain: there is
    nothing else that they could be.
    """
    missing = [name for name in inputs if not os.path.lexists(name)]
    if not missing:
        return
    _refuse_ops(missing, values)
    _refuse_stages(missing, values)
    last = inputs[-1]
    if last is missing[-1] and len(inputs) > 1 and _is_an_output(last, values):
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


def _is_an_output(name: str, values: Values) -> bool:
    if "output" not in values or values["output"] is not None or "://" in name:
        return False
    if name == values.get("indices"):  # of unpool, which reads them after its input
        return False
    from poolcli.formats.table import WRITABLE

    return os.path.splitext(name)[1].lower() in WRITABLE and not set("*?[") & set(name)
