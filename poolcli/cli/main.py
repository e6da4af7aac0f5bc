"""The way in and the way out: one place where errors become one line and an exit code.

Imports wait until they are inside ``main``'s protection, so that Ctrl-C during start-up is as quiet
as later.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from typing import Any, NoReturn

from poolcli.errors import PoolError

INTERRUPTED, TERMINATED, PIPE_CLOSED = 130, 143, 141
USAGE = 2


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program on ``arguments`` (default: the process's own) and exit with its code."""
    if arguments is None:
        # The process is ours, and nothing that is being loaded is garbage: cli.requests turns the
        # search for it on again before there is work.
        gc.disable()
    _occupy_closed_streams()
    if arguments is None:
        _complain_through_a_descriptor_of_our_own()
    signal.signal(signal.SIGTERM, _terminate)
    code = _outcome(sys.argv[1:] if arguments is None else arguments)
    if code != 0:
        _drop_unwritten_output()
    if code in (INTERRUPTED, TERMINATED, PIPE_CLOSED):
        _leave_threads_behind(code)
    if arguments is None:
        # The process ends here: nobody needs its end to look through all that is still in memory.
        gc.freeze()
    sys.exit(code)


def _outcome(arguments: list[str]) -> int:
    try:
        try:
            code = _run(arguments)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
        except Exception as error:
            return _report(error, arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except OSError as error:
        # Even the complaint could not be written: standard error is gone, too.
        return PIPE_CLOSED if error.errno == errno.EPIPE else 1


def _run(arguments: list[str]) -> int:
    import warnings

    from poolcli.cli import messages
    from poolcli.cli.app import build

    # NumPy's library for linear algebra would start a thread for each processor, which look for
    # work, and so keep processors busy, as soon as NumPy is imported. Pooling has none for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not messages.debugging():
        warnings.simplefilter("ignore")
    # Names may hold anything: what a stream cannot encode is shown escaped.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    command = build()
    if question := os.environ.get("_POOLCLI_COMPLETE"):
        from poolcli.cli.completion import answer

        return answer(command, question)
    with command.make_context("poolcli", arguments) as context:
        result = command.invoke(context)
    return result if isinstance(result, int) else 0


def _report(error: Exception, arguments: list[str]) -> int:
    """Say what went wrong in one line and give the exit code for it."""
    from poolcli.cli.messages import complain, hint

    if getattr(error, "exit_code", None) == USAGE:
        for name in arguments:
            if name.startswith("-") and "." in name and os.path.isfile(name):
                hint(f"{name} is a file, too: after -- it is no option, as in poolcli … -- {name}")
    if isinstance(error, PoolError):
        complain(error)
        return error.exit_code
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return PIPE_CLOSED
    # Typer's own exceptions: Exit carries a code, the others a message about usage.
    if hasattr(error, "format_message"):
        complain(error, _usage_line(error, error.format_message()))
        return USAGE
    if isinstance(code := getattr(error, "exit_code", None), int):
        return code
    complain(error, _unforeseen_line(error))
    return 1


def _usage_line(error: Exception, message: str) -> str:
    context = getattr(error, "ctx", None)
    message = " ".join(message.split()).rstrip(".")
    if context is None:
        return message
    if wrong := getattr(error, "option_name", None):
        from poolcli.cli.flags import closest_flag

        flags = [flag for option in context.command.params for flag in option.opts]
        message = f"No such option: {wrong}{closest_flag(wrong, flags)}"
    elif "extra argument" in message and _takes_stages(context.command):
        message += '; stages are one argument, as in "max 2 | avg 2"'
    return f"{message} (see {context.command_path} --help)"


def _takes_stages(command: Any) -> bool:
    return any(param.name == "stages" for param in command.params)


def _unforeseen_line(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"not enough memory ({error})" if str(error) else "not enough memory"
    if isinstance(error, RecursionError):
        return "the input is nested too deeply"
    if isinstance(error, OSError):
        # The door to files names its files; what has no name here is where the results go.
        name = "standard output" if error.filename is None else os.fsdecode(error.filename)
        return f"{name}: {error.strerror or error}"
    return f"unexpected {type(error).__name__}: {error}; poolcli --debug shows where"


def _terminate(_number: int, _frame: object) -> NoReturn:
    # An exception rather than an end: temporary files are removed on the way out.
    raise SystemExit(TERMINATED)


def _leave_threads_behind(code: int) -> None:
    """End at once where threads are still at work: Python would wait for them, perhaps minutes."""
    import threading

    others = set(threading.enumerate()) - {threading.current_thread()}
    if all(thread.daemon for thread in others):
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    from poolcli import formats

    formats.abandon()
    os._exit(code)


def _occupy_closed_streams() -> None:
    """Keep descriptors 0 to 2 from being given to files that we open.

    A library that writes a warning to descriptor 2 would write it into an output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _complain_through_a_descriptor_of_our_own() -> None:
    """Leave descriptor 2 to libraries that write on it behind Python's back.

    It can then be pointed elsewhere while they work, and nothing of ours is lost.
    """
    if sys.stderr is not None:
        own, encoding = os.dup(2), sys.stderr.encoding
        # To the end of each line at once, and what cannot be encoded escaped, as Python's own.
        sys.stderr = open(own, "w", buffering=1, encoding=encoding, errors="backslashreplace")  # noqa: SIM115 - it stays open


def _drop_unwritten_output() -> None:
    """Let what nobody can receive go nowhere, or Python complains about it at the very end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
