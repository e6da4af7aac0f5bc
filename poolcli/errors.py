"""What can go wrong, in the user's terms.

Every message is one line that names the file or axis, gives the numbers and says what to do.
The command line prints it as it stands and exits with ``exit_code``.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class PoolError(Exception):
    """Anything a user, a file or a machine can cause."""

    exit_code = 1


class UsageError(PoolError, ValueError):
    """Option values that mean nothing, or a plan refused before any work is done."""

    exit_code = 2


class UnknownParameter(UsageError):
    """A parameter that the op does not have."""

    def __init__(self, op: str, name: str) -> None:
        super().__init__(f"{op} has no parameter {name!r}")
        self.name = name


class InputError(PoolError, ValueError):
    """This input cannot be read or pooled; other inputs are not affected."""


class OutputError(PoolError):
    """The result cannot be written; the target is as it was."""


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Name the input in what goes wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{label}: {error}") from error
