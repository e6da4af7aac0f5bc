"""The window families, one row each: ways to place windows. Add one by adding a row to ``ROWS``.

A row names the family, what places its windows and how that is written on the command line and in
a chain. Commands, options, help, completion, the chain grammar, reports and JSON follow from it; a
family does not know the ops, nor an op the families. Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from poolcli.errors import UsageError
from poolcli.geometry import PADDING_WORDS, Adaptive, Fractional, Geometry, Global, Pyramid, Sliding
from poolcli.notation import (
    parse_counts,
    parse_levels,
    parse_longest,
    parse_output_size,
    parse_padding,
    parse_truth,
    parse_whole,
)
from poolcli.windows import Windows

JsonObject = dict[str, Any]
Parts = Sequence[Sequence[Windows]]
"""The windows per spatial axis, of each part of a geometry: a pyramid has one for each level."""


class WindowParam(NamedTuple):
    """What places the windows of a family: a keyword of its geometry and an option of its commands.

    ``read`` takes the text that was typed and what to call it in messages. In a chain it is written
    NAME=VALUE; with ``letter`` also by that alone (``p1``); a switch is on or off and has a
    ``word``. Where it may not be left out, ``meaning`` says what is missing, and ``examples`` what
    could be given.
    """

    name: str
    read: Callable[[str, str], Any]
    help: str
    metavar: str = ""
    short: str = ""
    """The letter of its option, where it has one."""
    long: str = ""
    """The word of its option, where that is another than the name."""
    synonyms: tuple[str, ...] = ()
    """Further words of its option, as other programs call it."""
    default: str | None = None
    letter: str = ""
    word: str = ""
    meaning: str = ""
    examples: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Values that a shell may offer."""
    kind: type = str
    """What the command line takes: text that ``read`` reads, or a number."""
    instead: str = ""
    """A parameter that may be given in its place, which then ``sets`` it."""
    sets: str = ""
    cuts_cells: bool = False
    """Whether it makes cells count in parts: only ops that weigh cells have it."""
    of_request: bool = False
    """Whether it says what becomes of the axes, which is the request's and not the geometry's."""

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off, and off by default."""
        return bool(self.word)

    @property
    def spoken(self) -> str:
        """What messages about a chain call it."""
        return self.name.replace("_", " ")


class Family(NamedTuple):
    """A way to place windows.

    ``usage`` are the parameters, with values, that an example of a command needs.
    ``leading`` are the parameters that stand at once after the op in a chain, with a slash between
    them, and ``leading_help`` says so. ``describe`` and ``as_json`` tell, in a
    report line and in JSON, which windows the geometry came to; the former is also given the op's
    own parameters.
    """

    name: str
    summary: str
    usage: Mapping[str, str]
    geometry: type[Any]
    params: tuple[WindowParam, ...]
    describe: Callable[[Any, Parts, str, Mapping[str, Any]], list[str]]
    as_json: Callable[[Any, Parts], JsonObject]
    leading: tuple[str, ...] = ()
    leading_help: str = ""
    slides: bool = False
    """Whether windows are of one size at even steps: padding and its counting mean something."""
    joins: bool = False
    """Whether the results of several parts are joined: no window has one place in the result."""

    @property
    def chain_form(self) -> str:
        """How a stage of a chain is written: ``OP SIZE[/STRIDE] [pPADDING] …``."""
        leading = "[/".join(name.upper() for name in self.leading)
        said = [f"{leading}{']' * (len(self.leading) - 1)}"] if leading else []
        for param in self.params:
            if param.name in self.leading:
                continue
            if param.letter:
                said.append(f"[{param.letter}{param.name.upper()}]")
            elif param.is_switch:
                said.append(f"[{param.word}]")
            else:
                said.append(f"[{param.name}={param.metavar}]")
        return " ".join([*([] if self.slides else [self.name]), "OP", *said])

    def make_geometry(self, values: Mapping[str, Any]) -> Geometry:
        """The geometry with these values, by the names of ``params``; None is left to itself."""
        said: dict[str, Any] = {}
        for param in self.params:
            value, name = values.get(param.name), param.sets or param.name
            if value is None or param.of_request:
                continue
            if name in said:
                raise UsageError(f"`{param.name}` says what `{name}` says; give one of them")
            said[name] = value
        geometry: Geometry = self.geometry(**said)
        return geometry


def family_of(geometry: Geometry) -> Family:
    """The row of a geometry.

    >>> family_of(Adaptive(7)).name
    'adaptive'
    """
    return next(row for row in ROWS if isinstance(geometry, row.geometry))


def joined(values: Iterable[Any], times: str, *, short: bool = False) -> str:
    """Numbers of several axes as text; ``short`` says one number where all are alike.

    >>> joined([2, 3], "x"), joined([2, 2], "x", short=True)
    ('2x3', '2')
    """
    texts = [str(value) for value in values]
    return texts[0] if short and len(set(texts)) == 1 else times.join(texts)


def sliding_words(
    sizes: Sequence[int],
    strides: Sequence[int],
    padding: object,
    times: str,
) -> list[str]:
    """Say windows of one size at even steps: ``["3x3", "stride 2", "padding 1"]``."""
    said = [joined(sizes, times), f"stride {joined(strides, times, short=True)}"]
    return said + _padding_words(padding, len(sizes), times)


def _padding_words(padding: Any, axes: int, times: str) -> list[str]:
    """Return ``["padding 1"]``, ``["padding 0:1,1:1"]``, ``["padding same"]`` or nothing."""
    if padding is None or padding == "valid":
        return []
    if isinstance(padding, str):
        return [f"padding {padding}"]
    sides = [_per_axis(side, 2) for side in _per_axis(padding, axes)]
    if not any(before or after for before, after in sides):
        return []
    if all(before == after for before, after in sides):
        return [f"padding {joined((before for before, _ in sides), times, short=True)}"]
    return ["padding " + ",".join(f"{before}:{after}" for before, after in sides)]


def _per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes


def _outs(windows: Sequence[Windows]) -> list[int]:
    return [axis.out for axis in windows]


def _sizes(windows: Sequence[Windows]) -> list[int]:
    return [axis.largest for axis in windows]


def _strides(windows: Sequence[Windows]) -> list[int]:
    """The steps of evenly spaced windows as they came to be, by a preset perhaps."""
    return [axis.starts.step if isinstance(axis.starts, range) else 1 for axis in windows]


def _sliding_words(
    geometry: Sliding, parts: Parts, times: str, _params: Mapping[str, Any]
) -> list[str]:
    (windows,) = parts
    said = sliding_words(_sizes(windows), _strides(windows), geometry.padding, times)
    dilation = _per_axis(geometry.dilation, len(windows))
    if any(step != 1 for step in dilation):
        said.append(f"dilation {joined(dilation, times, short=True)}")
    return [*said, "ceil"] if geometry.ceil_mode else said


def _sliding_json(geometry: Sliding, parts: Parts) -> JsonObject:
    (windows,) = parts
    return {
        "size": _sizes(windows),
        "stride": _strides(windows),
        "padding": [[axis.pad_before, axis.pad_after] for axis in windows],
        "dilation": list(_per_axis(geometry.dilation, len(windows))),
        "ceil_mode": geometry.ceil_mode,
    }


def _adaptive_words(
    geometry: Adaptive, parts: Parts, times: str, _params: Mapping[str, Any]
) -> list[str]:
    said = [f"to {joined(_outs(parts[0]), times)}"]
    return [*said, "by area"] if geometry.by_area else said


def _adaptive_json(geometry: Adaptive, parts: Parts) -> JsonObject:
    return {"output_size": _outs(parts[0]), "by_area": geometry.by_area}


def _fractional_words(
    geometry: Fractional, parts: Parts, times: str, params: Mapping[str, Any]
) -> list[str]:
    (windows,) = parts
    said = [
        f"to {joined(_outs(windows), times)}",
        f"size {joined(_sizes(windows), times, short=True)}",
    ]
    # The seed of an op that draws is said with its parameters, and is the same.
    return said if "seed" in params else [*said, f"seed {geometry.seed}"]


def _fractional_json(geometry: Fractional, parts: Parts) -> JsonObject:
    (windows,) = parts
    return {"output_size": _outs(windows), "size": _sizes(windows), "seed": geometry.seed}


def _pyramid_words(
    _geometry: Pyramid, parts: Parts, times: str, _params: Mapping[str, Any]
) -> list[str]:
    levels = ",".join(joined(_outs(windows), times, short=True) for windows in parts)
    return [f"levels {levels}"]


_OUTPUT_SIZE = WindowParam(
    "output_size",
    parse_counts,
    "Cells of the result per spatial axis: N, HxW or DxHxW.",
    "SIZE",
    meaning="an output size",
    examples=("7", "7x5"),
)

_SIZE_SYNONYMS = ("kernel-size", "pool-size")  # of torch and of Keras

SLIDING = Family(
    name="sliding",
    summary="windows of one size at even steps",
    usage={"size": "2"},
    geometry=Sliding,
    params=(
        WindowParam(
            "size",
            parse_counts,
            "Window size: N, HxW or DxHxW.",
            "SIZE",
            short="k",
            synonyms=_SIZE_SYNONYMS,
            letter="k",
            meaning="a window size",
            examples=("2", "2x3"),
        ),
        WindowParam(
            "stride",
            parse_counts,
            "Step from window to window, like the size (default: the size).",
            "SIZE",
            short="s",
            letter="s",
        ),
        WindowParam(
            "padding",
            parse_padding,
            "Cells to add around: N, HxW, top:bottom,left:right, same, same-lower, center or valid "
            "(default: {padding}).",
            "PADDING",
            short="p",
            letter="p",
            words=PADDING_WORDS,
        ),
        WindowParam(
            "dilation",
            parse_counts,
            "Step from cell to cell inside a window (default: 1).",
            "SIZE",
            short="d",
            default="1",
            letter="d",
        ),
        WindowParam(
            "ceil_mode",
            parse_truth,
            "Keep windows that reach past the end.",
            word="ceil",
            long="ceil",
        ),
    ),
    describe=_sliding_words,
    as_json=_sliding_json,
    leading=("size", "stride"),
    leading_help="a size (3, 2x3, 3/2 with a stride, or k3 s2)",
    slides=True,
)

ROWS = (
    SLIDING,
    Family(
        name="global",
        summary="pool each plane to one value",
        usage={},
        geometry=Global,
        params=(
            WindowParam(
                "keepdims",
                parse_truth,
                "Keep the pooled axes, with length 1.",
                word="keep",
                of_request=True,
            ),
        ),
        describe=lambda _geometry, _parts, _times, _params: [],
        as_json=lambda _geometry, _parts: {},
    ),
    Family(
        name="adaptive",
        summary="pool to an output size, whatever the input's",
        usage={"output_size": "7"},
        geometry=Adaptive,
        params=(
            WindowParam(
                "output_size",
                parse_output_size,
                "Cells of the result per spatial axis: N, HxW or DxHxW; in the input's proportions "
                "600x (high), x400 (wide) or 25%.",
                "SIZE",
                meaning="an output size",
                examples=("7", "7x5", "25%"),
                instead="longest",
            ),
            WindowParam(
                "longest",
                parse_longest,
                "At most so many cells along the longest axis, the others in proportion.",
                "N",
                sets="output_size",
            ),
            WindowParam(
                "by_area",
                parse_truth,
                "Cut cells where windows end, and count the part inside: exact where the sizes do "
                "not divide.",
                word="by_area",
                cuts_cells=True,
            ),
        ),
        describe=_adaptive_words,
        as_json=_adaptive_json,
        leading=("output_size",),
        leading_help="an output size (7, 7x5)",
    ),
    Family(
        name="fractional",
        summary="pool to an output size with windows at pseudo-random steps",
        usage={"output_size": "17"},
        geometry=Fractional,
        params=(
            _OUTPUT_SIZE,
            WindowParam(
                "size",
                parse_counts,
                "Window size (default: the smallest that leaves no gap).",
                "SIZE",
                short="k",
                synonyms=_SIZE_SYNONYMS,
            ),
            WindowParam("seed", parse_whole, "Seed of the draws (default: 0).", "N", kind=int),
        ),
        describe=_fractional_words,
        as_json=_fractional_json,
        leading=("output_size",),
        leading_help="an output size (17, 17x12)",
    ),
    Family(
        name="pyramid",
        summary="pool to several output sizes and join the results",
        usage={"levels": "1,2,4"},
        geometry=Pyramid,
        params=(
            WindowParam(
                "levels",
                parse_levels,
                "Output sizes, one after another: 1,2,4.",
                "SIZES",
                meaning="levels",
                examples=("1,2,4",),
            ),
        ),
        describe=_pyramid_words,
        as_json=lambda _geometry, parts: {"levels": [_outs(windows) for windows in parts]},
        leading=("levels",),
        leading_help="levels (1,2,4)",
        joins=True,
    ),
)
FAMILIES: dict[str, Family] = {row.name: row for row in ROWS}
