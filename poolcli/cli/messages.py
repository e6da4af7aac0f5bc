"""What is said to people on standard error: one line each, in the words of the command line."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from poolcli import report
from poolcli.errors import OutputError, code_of
from poolcli.report.glyphs import encodable, safe

LONGEST = 2000


def debugging() -> bool:
    """Whether tracebacks are wanted: ``--debug`` or the variable ``POOLCLI_DEBUG``."""
    return os.environ.get("POOLCLI_DEBUG", "") not in ("", "0")


def want_debugging(wanted: bool) -> None:
    """Remember ``--debug`` where processes started later see it, too."""
    if wanted:
        os.environ["POOLCLI_DEBUG"] = "1"


def complain(error: Exception, line: str | None = None) -> None:
    """Say what went wrong: one line (default: the error's own), after a traceback if wanted."""
    if sys.stderr is None:
        return
    if debugging():
        import traceback

        traceback.print_exception(error)
    text = as_typed(str(error)) if line is None else line
    _say(text if len(text) <= LONGEST else text[:LONGEST] + "…")


def complain_of_input(label: str, error: Exception, *, as_json: bool) -> None:
    """Say what went wrong with one input; where objects are asked for it gets one, too."""
    complain(error)
    if as_json:
        line = report.failed_json(label, as_typed(str(error)), code_of(error))
        print(line, file=results(), flush=True)


def hint(text: str) -> None:
    """Give advice about something that works."""
    _say(f"hint: {as_typed(text)}")


def warn(text: str) -> None:
    """Say that something works, but probably not as it was meant."""
    _say(f"warning: {as_typed(text)}")


def summary(text: str) -> None:
    """Say what was done, all in all."""
    _say(text)


def as_typed(text: str) -> str:
    """The library's words with its keywords as they are typed on the command line: as flags."""
    from poolcli.cli.flags import in_flags  # late: most runs have nothing to say

    return in_flags(text)


def _say(text: str) -> None:
    if sys.stderr is not None:
        line = f"poolcli: {safe(text)}\n"
        if "utf" not in (sys.stderr.encoding or "utf").lower():
            line = line.replace("…", "...")  # it would be escaped
        sys.stderr.write(encodable(line, sys.stderr))
        sys.stderr.flush()


def note(text: str) -> None:
    """Write text of several lines as it stands."""
    # print(file=None) would write to standard output, among the results.
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def results() -> TextIO:
    """Give standard output, where results and nothing else go."""
    if sys.stdout is None:
        raise OutputError("standard output is closed, and the result was to go there")
    return sys.stdout
