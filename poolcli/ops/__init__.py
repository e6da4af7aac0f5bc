"""The pooling operations, one record each."""

from __future__ import annotations

import difflib

from poolcli.checks import shown
from poolcli.errors import UsageError
from poolcli.ops.record import Op, Param
from poolcli.ops.records import RECORDS

__all__ = ["OPS", "Op", "Param", "find_op"]

OPS: dict[str, Op] = {op.name: op for op in RECORDS}
_BY_ANY_NAME = {name: op for op in RECORDS for name in (op.name, *op.aliases)}


def find_op(name: object) -> Op:
    """The op of that name or alias.

    >>> find_op("mean").name
    'avg'
    """
    if not isinstance(name, str):
        raise UsageError(f"op {shown(name)}: a name is meant, one of {', '.join(OPS)}")
    op = _BY_ANY_NAME.get(name)
    if op is None:
        close = difflib.get_close_matches(name, _BY_ANY_NAME, 1)
        advice = f"did you mean {close[0]}?" if close else f"known are {', '.join(OPS)}"
        raise UsageError(f"no op {name!r}; {advice}")
    return op
