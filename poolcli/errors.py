"""What can go wrong, in the user's terms.

Every message is one line that names the file or axis, gives the numbers and says what to do.
The command line prints it as it stands and exits with ``exit_code``.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

CODES = {
    "usage": "the options mean nothing for it",
    "not_found": "there is no such file, folder or array",
    "no_permission": "the system does not let it be read or written",
    "unreadable": "it cannot be read: damaged, of no format that is known, or no numbers",
    "too_large": "it takes more memory, or has more pixels, than is allowed",
    "not_poolable": "its shape, type or values cannot be pooled as asked",
    "not_held": "the format of the output cannot hold the result",
    "exists": "the output is there already",
    "no_space": "there is no room for the output",
    "not_written": "the output cannot be written for another reason",
    "unexpected": "none of these: a mistake of the program",
}
"""What programs are told went wrong. A code that is here stays."""

_OF_SYSTEM = (
    ("not_found", (errno.ENOENT, errno.ENOTDIR)),
    ("no_permission", (errno.EACCES, errno.EPERM, errno.EROFS)),
    ("exists", (errno.EEXIST,)),
    ("no_space", (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)),
)


class PoolError(Exception):
    """Anything a user, a file or a machine can cause.

    ``code`` is one of ``CODES`` where more is known than the class says.
    """

    exit_code = 1
    usual_code = "unexpected"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        assert code is None or code in CODES, code
        self.code = code


class UsageError(PoolError, ValueError):
    """Option values that mean nothing, or a plan refused before any work is done."""

    exit_code = 2
    usual_code = "usage"


class UnknownParameter(UsageError):
    """A parameter that the op does not have."""

    def __init__(self, op: str, name: str) -> None:
        super().__init__(f"{op} has no parameter {name!r}")
        self.name = name


class InputError(PoolError, ValueError):
    """This input cannot be read or pooled; other inputs are not affected."""

    usual_code = "not_poolable"


class OutputError(PoolError):
    """The result cannot be written; the target is as it was."""

    usual_code = "not_written"


def code_of(error: BaseException, otherwise: str | None = None) -> str:
    """Give the code of what went wrong: of the error, or of what caused it, where it is known.

    ``otherwise`` is the code where neither tells; by default it is that of the error's class.

    >>> code_of(InputError("no height"))
    'not_poolable'
    """
    link: BaseException | None = error
    while link is not None:
        if (code := _known_code(link)) is not None:
            return code
        link = link.__cause__
    usual = error.usual_code if isinstance(error, PoolError) else PoolError.usual_code
    return otherwise or usual


def _known_code(error: BaseException) -> str | None:
    if isinstance(error, PoolError):
        return "usage" if isinstance(error, UsageError) else error.code
    if isinstance(error, MemoryError):
        return "too_large"
    if isinstance(error, OSError):
        return next((code for code, numbers in _OF_SYSTEM if error.errno in numbers), None)
    return None


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Name the input in what goes wrong with it."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"{label}: {error}") from error
