"""What a kernel has found, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from poolcli import dtypes
from poolcli.engine import library, native
from poolcli.errors import InputError

if TYPE_CHECKING:
    from poolcli.engine.worker import Task


def refusal(task: Task, problem: native.Problem) -> InputError:
    """Say what a kernel has found."""
    refuse = _REFUSALS[problem.why]
    value: Any = problem.value
    if isinstance(value, float) and task.result.kind == "f":
        value = task.result.type(value)
    return refuse(task, value)


def _overflow(task: Task, value: Any) -> InputError:
    if task.result.kind == "f":
        return dtypes.overflowing(value, task.target.dtype)
    return InputError(
        f"a {task.name} of {value} does not fit {task.result}; convert the input to a float type"
    )


_REFUSALS: dict[int, Callable[[Task, Any], InputError]] = {
    library.OVERFLOW: _overflow,
    library.INEXACT: lambda task, value: dtypes.inexact(value, task.target.dtype),
    library.OUTSIDE: lambda task, value: dtypes.outside_of(value, task.target.dtype),
    library.NAN: lambda task, _value: dtypes.not_a_number(task.target.dtype),
    library.NEGATIVE: lambda task, value: InputError(
        f"{task.name} pooling of a negative activation, {value}; "
        "use `negatives='relu'` or `negatives='shift'`"
    ),
}
