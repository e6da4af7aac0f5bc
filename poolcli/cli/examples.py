"""Two examples of every command, for its help: ``tests/cli/test_help.py`` runs them all.

Those of commands that take an op follow from its row and from the row of its windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from poolcli.cli.declare import flag_of, long_flag
from poolcli.families import FAMILIES, SLIDING, Family
from poolcli.ops import Op, find_op

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "": (
        "poolcli max --size 2 --stride 2 input.npy",
        "poolcli avg --size 2 photos/ -o small/",
    ),
    "unpool": (
        "poolcli unpool pooled.npy --indices where.npy --size 2",
        "poolcli unpool pooled.npy --indices where.npy --output-size 4x4 -o back.npy",
    ),
    "explain unpool": (
        "poolcli explain unpool pooled.npy --indices where.npy --size 2",
        "poolcli explain unpool pooled.npy --indices where.npy --size 2 --json",
    ),
    "animate unpool": (
        "poolcli animate unpool pooled.npy --indices where.npy --size 2 -o back.gif",
        "poolcli animate unpool pooled.npy --indices where.npy --size 2 -o back.png --seconds 1.5",
    ),
    "chain": (
        'poolcli chain "max 3/2 p1 | avg 2 | global avg" input.npy',
        'poolcli chain "blur k3 s2 | max 2" photos/ -o small/',
    ),
    "shape": (
        'poolcli shape 224x224x64 "max 3/2 p1 | global avg"',
        'poolcli shape 224x224x3 "conv k7 s2 p3 x64 | max k3 s2 p1 | global avg | dense 1000"',
    ),
    "compare": (
        "poolcli compare photo.png --size 2 -o sheet.png",
        "poolcli compare photo.png --size 4 --ops max,avg,blur",
    ),
    "shift-test": (
        "poolcli shift-test photo.png --size 2",
        "poolcli shift-test photo.png --ops max,blur --shifts 1,2 --axis height",
    ),
    "conform": (
        "poolcli conform input.npy --size 3 --stride 2 --ceil",
        "poolcli conform input.npy --size 3 --stride 2 --padding 1 --op avg",
    ),
    "ops": ("poolcli ops", "poolcli ops max"),
    "info": ("poolcli info input.npy photo.png", "poolcli info photos/ --json"),
    "completion": (
        'eval "$(poolcli completion bash)"',
        "poolcli completion zsh --install",
    ),
}
# What pools, by what stands before the op: "" is the program itself.
_FORMS = {
    "": ("{} input.npy", "{} input.npy -o output.npy"),
    "explain": ("{} input.npy", "{} input.npy --json"),
    "animate": ("{} input.npy -o {}.gif", "{} input.npy -o {}.png --seconds 1.5"),
    "overviews": ("{} input.npy -o {}.ome.zarr", "{} photo.png -o {}.tif"),
}
_PICTURES = "{} photos/ -o small/"
_PAGE = "{} input.npy -o {}.html"


def examples_of(path: Sequence[str]) -> tuple[str, ...]:
    """Give two examples of a command, by the words after ``poolcli``.

    >>> examples_of(["ops"])
    ('poolcli ops', 'poolcli ops max')
    >>> examples_of(["adaptive", "max"])[0]
    'poolcli adaptive max --output-size 7 input.npy'
    """
    written = EXAMPLES.get(" ".join(path))
    if written is not None:
        return written
    words = list(path)
    before = words.pop(0) if words[0] in _FORMS else ""
    named = bool(words) and words[0] in FAMILIES
    family = FAMILIES[words.pop(0)] if named else SLIDING
    ops = [find_op(word) for word in words or ("max", "avg")]
    first, second = _FORMS[before]
    if not before and _gives_pictures(ops[-1], family):
        second = _PICTURES
    if before == "animate" and family.slides:
        second = _PAGE
    return tuple(
        form.format(_call(before, op, family), op.name)
        for form, op in ((first, ops[0]), (second, ops[-1]))
    )


def _gives_pictures(op: Op, family: Family) -> bool:
    """Whether pictures pooled so are pictures: in the same range, with a height and a width."""
    return (op.averages or op.winner is not None) and bool(family.usage) and not family.joins


def _call(before: str, op: Op, family: Family) -> str:
    flags = [long_flag(param) for param in family.params if param.name in family.usage]
    windows = [f"{flag} {value}" for flag, value in zip(flags, family.usage.values(), strict=True)]
    own = [f"{flag_of(p)} {op.example[p.name]}" for p in op.params if p.name in op.example]
    name = "" if family is SLIDING else family.name
    return " ".join(filter(None, ("poolcli", before, name, op.name, *windows, *own)))
