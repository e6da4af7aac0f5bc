"""Chains as people write them: ``max 3/2 p1 | avg 2 | global avg``.

    chain  = stage { "|" stage }
    stage  = OP SIZE[/STRIDE] { kSIZE | sSTRIDE | pPADDING | dDILATION | ceil | word }
           | global OP { keep | word }
           | adaptive OP OUTPUT_SIZE { word }
           | fractional OP OUTPUT_SIZE { size=SIZE | seed=N | word }
           | pyramid OP LEVEL{,LEVEL} { word }
    word   = NAME=VALUE | NAME | no-NAME

Sizes and paddings are written as on the command line; SIZE[/STRIDE] is left out where kSIZE says
it. A word is a parameter of the op (``norm=3``,
``signed``), or of a sliding op that divides: ``divisor=4``, ``count-include-pad``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from poolcli import checks
from poolcli.chains import Chain, Stage, naming
from poolcli.errors import UsageError
from poolcli.families import FAMILIES, SLIDING, WindowParam
from poolcli.notation import parse_truth, parse_whole, shorten
from poolcli.ops import Param, find_op
from poolcli.request import Request

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
    texts = split_stages(text)
    return Chain(tuple(read_stage(n, part, common) for n, part in enumerate(texts, 1)), layout)


def split_stages(text: str) -> list[str]:
    """The stages of a chain as they are written, with single spaces between their words.

    Raises UsageError for a chain without stages and for a stage without words.
    """
    texts = [" ".join(part.split()) for part in checks.word("stages", text).split("|")]
    if len(texts) > MOST_STAGES:
        raise UsageError(f"the chain has {len(texts)} stages; at most {MOST_STAGES} are taken")
    if not any(texts):
        raise UsageError('the chain is empty; write stages such as "max 3/2 p1 | global avg"')
    if "" in texts:
        raise UsageError(f"stage {texts.index('') + 1} of the chain is empty")
    return texts


def stage_name(number: int, text: str) -> str:
    """What messages call a stage."""
    return f'stage {number} "{shorten(text, 100)}"'


def read_stage(number: int, text: str, common: Mapping[str, Any]) -> Stage:
    """Read one pooling, to which the options in ``common`` apply."""
    with naming(stage_name(number, text)):
        words = text.split()
        if words[0] in WITH_WEIGHTS:
            raise UsageError(
                f"{words[0]} has weights, which are learnt: the table of shape counts them, and "
                "nothing else can take it"
            )
        family = FAMILIES[words.pop(0)] if words[0] in _NAMED else SLIDING
        if not words:
            raise UsageError(f'an op must follow "{text}", such as "{text} max"')
        op = find_op(words.pop(0))
        leading = [param for param in family.params if param.name in family.leading]
        values = read_values(
            words,
            leading,
            [
                param
                for param in family.params
                if param not in leading and (op.weighs is not None or not param.cuts_cells)
            ],
            op.params,
            divides=family.slides and op.divides,
            missing=f"{family.leading_help} must follow the op",
        )
        settings = {p.name: values.get(p.name, False) for p in family.params if p.of_request}
        settings |= {name: values[name] for name in _DIVISION if name in values}
        request = Request(
            op.name,
            family.make_geometry(values),
            params={param.name: values[param.name] for param in op.params if param.name in values},
            **common,
            **settings,
        )
    return Stage(number, text, request)


def read_values(
    words: Sequence[str],
    leading: Sequence[WindowParam],
    others: Sequence[WindowParam],
    params: Sequence[Param] = (),
    *,
    divides: bool = False,
    missing: str = "",
) -> Values:
    """Read what follows the name of a stage: ``3/2 p1``, or the same as ``k3 s2 p1``.

    ``leading`` are the parameters that may stand there as values alone, of which the first has to
    be given, or ``missing`` is the message. The rest as in :func:`_read_words`.
    """
    values: Values = {}
    if leading and words and not any(_is_named(words[0], param) for param in leading):
        values = _read_leading(words[0], leading)
        words = words[1:]
    own = [*(param for param in leading if param.letter), *others]
    values = _read_words(words, own, params, divides=divides, given=values)
    if leading and leading[0].name not in values:
        raise UsageError(missing)
    return values


def _is_named(word: str, param: WindowParam) -> bool:
    """Whether ``word`` says which parameter it is: ``k3`` or ``size=3``, not ``3``."""
    letters = {param.letter: param} if param.letter else {}
    return _has_letter(word, letters) or (bool(letters) and word.startswith(f"{param.name}="))


def _has_letter(word: str, letters: Mapping[str, WindowParam]) -> bool:
    """Whether ``word`` is a letter and its value: a number, or a word where such are taken."""
    param = letters.get(word[0])
    return param is not None and (bool(param.words) or not word[1:2].isalpha())


def _read_leading(word: str, params: Sequence[WindowParam]) -> Values:
    """Read what stands at once after the op: ``3``, ``3/2``."""
    texts = word.split("/", len(params) - 1)
    return {p.name: p.read(text, p.spoken) for p, text in zip(params, texts, strict=False)}


class _Words(NamedTuple):
    """What may stand in a stage: NAME=VALUE, a switch and what it is called, a letter and value."""

    readers: Mapping[str, Reader]
    switches: Mapping[str, str]
    letters: Mapping[str, WindowParam]


def _words_of(own: Sequence[WindowParam], params: Sequence[Param], *, divides: bool) -> _Words:
    readers: dict[str, Reader] = {param.name: _BY_TYPE[param.type] for param in params}
    readers |= {p.name: p.read for p in own if not p.is_switch}
    switches = {p.word: p.name for p in own if p.is_switch}
    switches |= {param.name: param.name for param in params if param.type is bool}
    if divides:
        readers |= _DIVISION
        switches["count_include_pad"] = "count_include_pad"
    return _Words(readers, switches, {p.letter: p for p in own if p.letter})


def _read_words(
    words: Sequence[str],
    own: Sequence[WindowParam],
    params: Sequence[Param],
    *,
    divides: bool,
    given: Mapping[str, Any],
) -> Values:
    """Read what follows the size: words of the windows, and of the op.

    ``own`` are the parameters that windows have left, ``params`` those of the op; ``divides``: it
    can be said what averages divide by. The result has what was ``given`` before, too.
    """
    known = _words_of(own, params, divides=divides)
    values: Values = dict(given)
    for word in words:
        name, value = _read_word(word, known)
        if name in values:
            raise UsageError(f'"{shorten(word)}": {_written(name)} is given twice')
        values[name] = value
    return values


def _read_word(word: str, known: _Words) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    name = name.replace("-", "_")
    if equals and name in known.readers:
        return name, known.readers[name](text, _written(name))
    if not equals and name.removeprefix("no_") in known.switches:
        return known.switches[name.removeprefix("no_")], not name.startswith("no_")
    if not equals and name in known.readers:
        raise UsageError(f'"{word}" needs a value: {_written(name)}=VALUE')
    if not equals and _has_letter(word, known.letters):
        name = known.letters[word[0]].name
        return name, known.readers[name](word[1:], name)
    raise UsageError(_may_stand(word, known))


def _may_stand(word: str, known: _Words) -> str:
    """Say that ``word`` means nothing, and what would."""
    words = [f"{letter}{param.name.upper()}" for letter, param in known.letters.items()]
    words += [_written(switch) for switch in known.switches]
    said = (*known.switches, *(param.name for param in known.letters.values()))
    words += [f"{_written(name)}=VALUE" for name in known.readers if name not in said]
    if not words:
        return f'nothing may follow here, not "{shorten(word)}"'
    listed = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    verb = "is" if len(words) == 1 else "are"
    return f'"{shorten(word)}" is no {listed}, which {verb} what may stand here'


def _written(name: str) -> str:
    return name.replace("_", "-")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{name}={shorten(text)}: a number is meant") from None


def _word(text: str, name: str) -> str:
    return text


_BY_TYPE: Mapping[type, Reader] = {float: _number, int: parse_whole, bool: parse_truth, str: _word}
_DIVISION: Mapping[str, Reader] = {"divisor": _number, "count_include_pad": parse_truth}
# Windows that nobody names slide.
_NAMED = set(FAMILIES) - {SLIDING.name}
WITH_WEIGHTS = ("conv", "dense", "flatten")  # layers of a network, which poolings stand between
