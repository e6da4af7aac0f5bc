"""Flags for the keywords of the library's messages, and the flag that somebody meant.

The library knows no flags: its messages mark keywords as Python code, `` `overwrite` `` or
`` `nan='skip'` ``, which reads well in Python. People at the command line are told what to type.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

from poolcli.checks import nearest

MARK = re.compile(r"(?<![\w`:])`([a-z_]+)(?:=([^`]*))?`(?![\w`])")
# What people type for a keyword that is no option of any command by its own name.
_OTHERWISE = {"output": "-o", "debug": "--debug"}
_SWITCHES = {("fit", "clip"): "--clip"}
# What other programs call options; the rest is near enough to be guessed.
_OTHER_FLAGS = {
    "--kernel": "--size",
    "--ksize": "--size",
    "--window": "--size",
    "--pad": "--padding",
    "--pads": "--padding",
    "--out": "--output",
    "--ceil-mode": "--ceil",
    "--return-indices": "--indices",
    "--data-format": "--layout",
    "--keep-dims": "--keepdims",
    "--strides": "--stride",
}


def in_flags(message: str) -> str:
    """What a message of the library says, with flags for the keywords that it marks.

    >>> in_flags("NaN at width 3; use `nan='skip'` or `nan='propagate'`")
    'NaN at width 3; use --nan skip or --nan propagate'
    >>> in_flags("choose a wider `dtype`, `fit='clip'` or `signed=False`")
    'choose a wider --dtype, --clip or --no-signed'
    >>> in_flags("what is no `keyword` stays as it is")
    'what is no `keyword` stays as it is'
    """
    return MARK.sub(_as_typed, message)


def _as_typed(mark: re.Match[str]) -> str:
    name, value = mark[1], None if mark[2] is None else _value(mark[2])
    if (name, value) in _SWITCHES:
        return _SWITCHES[name, str(value)]
    flags = known_flags().get(name)
    if flags is None:
        return mark[0]
    if value is None or value is True:
        return flags[0]
    if value is False:
        return flags[-1]
    return f"{flags[0]} {shlex.quote(str(value))}"


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


@cache
def known_flags() -> dict[str, Sequence[str]]:
    """The flags of every option by the keyword that it sets; of a switch also the one for off."""
    from poolcli.cli.declare import flags_of
    from poolcli.cli.takes import every_option

    found = {parameter.name: flags_of(parameter) for parameter in every_option()}
    return {**found, **{name: (flag,) for name, flag in _OTHERWISE.items()}}


def closest_flag(word: str, known: Sequence[str]) -> str:
    """Say which flag was probably meant, or nothing.

    >>> closest_flag("--ksize", ["--size", "--stride"])
    '; did you mean --size?'
    """
    other = _OTHER_FLAGS.get(word.replace("_", "-"), word)
    return nearest(other if other in known else word, known, likeness=0.75)
