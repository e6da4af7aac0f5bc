"""Names for outputs: ``{stem}_small{ext}``."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from poolcli.errors import UsageError

FIELDS = {
    "stem": "the input's name without its extension",
    "array": "for FILE.npz:NAME the name of the array, else nothing",
    "ext": "the output's extension, with its dot",
    "parent": "the name of the folder that the input is in",
    "op": "what is done: max, avg, ...",
    "n": "the input's number, from 1; {n:04} pads it with zeros",
}
_NUMBER_FORMAT = r"0[1-9][0-9]?d?"


class Template(NamedTuple):
    """A checked template; ``parts`` are (literal text, field, format), as string.Formatter says."""

    text: str
    parts: tuple[tuple[str, str | None, str], ...]

    def name(
        self, path: str, array: str | None, extension: str | None, op: str, number: int
    ) -> str:
        """Give the output's name for the input at ``path``, or one ``array`` of it.

        ``extension`` is the output's where it was asked for, else the input's own is kept.

        Raises UsageError where the name would be none, or lead out of the output folder.
        """
        stem, own = os.path.splitext(os.path.basename(path))
        values = {
            "stem": stem,
            "array": array or "",
            "ext": own if extension is None else extension,
            "parent": os.path.basename(os.path.dirname(os.path.abspath(path))),
            "op": op,
        }
        pieces = []
        for literal, field, format in self.parts:
            pieces.append(literal)
            if field is not None:
                pieces.append(f"{number:{format}}" if field == "n" else values[field])
        name = "".join(pieces)
        folders = name.split("/")
        if os.path.isabs(name) or os.pardir in folders or folders[-1] in ("", os.curdir):
            raise UsageError(
                f"--name-template {self.text}: gives {name!r} for {path}, which names no file in "
                "the output folder"
            )
        return os.path.normpath(name)


def parse_template(text: str) -> Template:
    """Check a template, whatever the input.

    Only plain fields are known: no attributes, indices or conversions, so that a template reaches
    nothing but the name.

    Raises UsageError for an unknown field or a format that means nothing.

    >>> parse_template("{stem}_small{ext}").name("in/cat.jpg", None, ".png", "avg", 1)
    'cat_small.png'
    """
    import string  # late: few runs have a template

    parts = []
    try:
        for literal, field, format, conversion in string.Formatter().parse(text):
            if field is not None and (field not in FIELDS or conversion):
                known = ", ".join(f"{{{name}}}" for name in FIELDS)
                shown = f"{field}!{conversion}" if conversion else field
                raise UsageError(f"--name-template: {{{shown}}} is unknown; use {known}")
            if format and not (field == "n" and re.fullmatch(_NUMBER_FORMAT, format)):
                raise UsageError(
                    f"--name-template: {{{field}:{format}}} means nothing; "
                    "only {n:04} and the like have a format"
                )
            parts.append((literal, field, format or ""))
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"--name-template {text}: {error}; write {{{{ for a brace") from error
    return Template(text, tuple(parts))
