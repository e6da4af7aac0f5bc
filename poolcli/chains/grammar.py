"""Chains as people write them: ``max 3/2 p1 | avg 2 | global avg``.

    chain  = stage { "|" stage }
    stage  = OP SIZE[/STRIDE] { pPADDING | dDILATION | ceil | word }
           | global OP { keep | word }
           | adaptive OP OUTPUT_SIZE { word }
           | fractional OP OUTPUT_SIZE { size=SIZE | seed=N | word }
           | pyramid OP LEVEL{,LEVEL} { word }
    word   = NAME=VALUE | NAME | no-NAME

Sizes and paddings are written as on the command line. A word is a parameter of the op (``norm=3``,
``signed``), or of a sliding op that divides: ``divisor=4``, ``count-include-pad``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from poolcli import checks
from poolcli.chains.chain import Chain
from poolcli.chains.stage import Stage, naming
from poolcli.errors import UsageError
from poolcli.geometry import Adaptive, Fractional, Geometry, Global, Sliding
from poolcli.notation import parse_counts, parse_padding, shorten
from poolcli.ops import Op, find_op
from poolcli.plan import Request
from poolcli.pyramid import check_levels

MOST_STAGES = 1000

Reader = Callable[[str, str], Any]
Values = dict[str, Any]


def parse_chain(
    text: str,
    *,
    layout: str | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    threads: int | None = None,
) -> Chain:
    """Read a chain. The options are those of :func:`poolcli.pool` and hold for every stage.

    Raises UsageError that quotes the stage and the word.

    >>> [stage.text for stage in parse_chain("max 3/2 p1|global  avg").stages]
    ['max 3/2 p1', 'global avg']
    """
    common = {
        "like": like,
        "nan": nan,
        "nodata": nodata,
        "min_valid": min_valid,
        "threads": threads,
    }
    texts = [" ".join(part.split()) for part in checks.word("stages", text).split("|")]
    if len(texts) > MOST_STAGES:
        raise UsageError(f"the chain has {len(texts)} stages; at most {MOST_STAGES} are taken")
    if not any(texts):
        raise UsageError('the chain is empty; write stages such as "max 3/2 p1 | global avg"')
    if "" in texts:
        raise UsageError(f"stage {texts.index('') + 1} of the chain is empty")
    stages = tuple(_read_stage(number, part, common) for number, part in enumerate(texts, 1))
    return Chain(stages, layout)


@dataclass(frozen=True)
class Family:
    """A way to place windows, and the words that say how.

    ``first`` is what must stand after the op, with an example. ``readers`` read NAME=VALUE,
    ``letters`` are names that one letter stands for and ``flags`` names without a value.
    """

    geometries: Callable[[str, Values], list[Geometry]]
    first: str = ""
    readers: Mapping[str, Reader] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    slides: bool = False
    joins: bool = False


def _read_stage(number: int, text: str, common: Mapping[str, Any]) -> Stage:
    with naming(f'stage {number} "{shorten(text, 100)}"'):
        words = text.split()
        family = FAMILIES[words.pop(0)] if words[0] in FAMILIES else SLIDING
        if not words:
            raise UsageError(f'an op must follow "{text}", such as "{text} max"')
        op = find_op(words.pop(0))
        if family.first and not words:
            raise UsageError(f"{family.first} must follow the op")
        first = words.pop(0) if family.first else ""
        values = _read_words(words, family, op)
        params = {param.name: values[param.name] for param in op.params if param.name in values}
        settings = {"keepdims": values.get("keep", False)} if family is FAMILIES["global"] else {}
        for name in ("count_include_pad", "divisor"):
            if name in values:
                settings[name] = values[name]
        requests = tuple(
            Request(op.name, geometry, params=params, **common, **settings)
            for geometry in family.geometries(first, values)
        )
    return Stage(number, text, requests, family.joins)


def _read_words(words: list[str], family: Family, op: Op) -> Values:
    readers: dict[str, Reader] = {param.name: _BY_TYPE[param.type] for param in op.params}
    readers.update(family.readers)
    flags = [*family.flags, *(param.name for param in op.params if param.type is bool)]
    if family.slides and op.divides:
        readers |= {"divisor": _number, "count_include_pad": _truth}
        flags.append("count_include_pad")
    values: Values = {}
    for word in words:
        name, value = _read_word(word, readers, flags, family)
        if name in values:
            raise UsageError(f'"{shorten(word)}": {_written(name)} is given twice')
        values[name] = value
    return values


def _read_word(
    word: str, readers: Mapping[str, Reader], flags: list[str], family: Family
) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    name = name.replace("-", "_")
    if equals and name in readers:
        return name, readers[name](text, _written(name))
    if not equals and name.removeprefix("no_") in flags:
        return name.removeprefix("no_"), not name.startswith("no_")
    if not equals and name in readers:
        raise UsageError(f'"{word}" needs a value: {_written(name)}=VALUE')
    if not equals and word[0] in family.letters:
        name = family.letters[word[0]]
        return name, family.readers[name](word[1:], name)
    raise UsageError(_may_stand(word, readers, flags, family))


def _may_stand(word: str, readers: Mapping[str, Reader], flags: list[str], family: Family) -> str:
    """Say that ``word`` means nothing, and what would."""
    words = [f"{letter}{name.upper()}" for letter, name in family.letters.items()]
    words += [_written(flag) for flag in flags]
    lettered = family.letters.values()
    words += [f"{_written(name)}=VALUE" for name in readers if name not in (*flags, *lettered)]
    if not words:
        return f'nothing may follow here, not "{shorten(word)}"'
    known = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    verb = "is" if len(words) == 1 else "are"
    return f'"{shorten(word)}" is no {known}, which {verb} what may stand here'


def _written(name: str) -> str:
    return name.replace("_", "-")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{name}={shorten(text)}: a number is meant") from None


def _whole(text: str, name: str) -> int:
    try:
        return int(text) if len(text) <= 20 else int("")
    except ValueError:
        raise UsageError(f"{name}={shorten(text)}: a whole number is meant") from None


def _truth(text: str, name: str) -> bool:
    meanings = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in meanings:
        raise UsageError(f"{name}={shorten(text)}: yes or no is meant")
    return meanings[text.lower()]


def _word(text: str, name: str) -> str:
    return text


_BY_TYPE: Mapping[type, Reader] = {float: _number, int: _whole, bool: _truth, str: _word}


def _sliding(first: str, values: Values) -> list[Geometry]:
    size, slash, stride = first.partition("/")
    return [
        Sliding(
            parse_counts(size, "size"),
            parse_counts(stride, "stride") if slash else None,
            values.get("padding"),
            values.get("dilation", 1),
            values.get("ceil", False),
        )
    ]


def _fractional(first: str, values: Values) -> list[Geometry]:
    seed = values.get("seed", 0)
    return [Fractional(parse_counts(first, "output size"), values.get("size"), seed)]


def _pyramid(first: str, values: Values) -> list[Geometry]:
    levels = first.split(",")
    check_levels(len(levels))
    return [Adaptive(parse_counts(level, "level")) for level in levels]


SLIDING = Family(
    _sliding,
    first="a size (3, 2x3, 3/2 with a stride)",
    readers={"padding": parse_padding, "dilation": parse_counts},
    letters={"p": "padding", "d": "dilation"},
    flags=("ceil",),
    slides=True,
)
FAMILIES = {
    "global": Family(lambda _first, _values: [Global()], flags=("keep",)),
    "adaptive": Family(
        lambda first, _values: [Adaptive(parse_counts(first, "output size"))],
        first="an output size (7, 7x5)",
    ),
    "fractional": Family(
        _fractional,
        first="an output size (17, 17x12)",
        readers={"size": parse_counts, "seed": _whole},
    ),
    "pyramid": Family(_pyramid, first="levels (1,2,4)", joins=True),
}
