"""Wrong usage: one line on standard error, nothing on standard output, code 2, no file made."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from poolcli.cli import takes
from poolcli.frameworks.table import TABLE as FRAMEWORKS
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]

WRONG = [
    # arguments, what the line says
    ("maxx x.npy", "no command 'maxx'; did you mean max?"),
    ("maxpool -k 2 x.npy", "no command 'maxpool'; did you mean max?"),
    ("AvgPool2d -k 2 x.npy", "did you mean avg?"),
    ("average -k 2 x.npy", "did you mean avg?"),
    ("global maximum x.npy", "no op 'maximum'; did you mean max?"),
    ("help", "no command 'help'; did you mean --help?"),
    ("max 2 x.npy", "max needs a window size: --size 2\n"),
    ("max 2x3 x.npy", "max needs a window size: --size 2x3\n"),
    ("max -k 2,2x2 x.npy", "--size 2,2x2: '2x2' is not a whole number"),
    ("max --kernel 2 x.npy", "No such option: --kernel; did you mean --size? (see"),
    ("max --ksize 2 x.npy", "did you mean --size?"),
    ("max -k 2 --strides 2 x.npy", "did you mean --stride?"),
    ("max -k 2 --pad 1 x.npy", "did you mean --padding?"),
    ("photo.png", "no command 'photo.png' (see poolcli --help)"),
    ("global", "Usage: poolcli global"),
    ("--json max -k 2 x.npy", "--json stands after a command, or with --version"),
    ("info --plugins x.npy", "--plugins lists what is installed"),
    ("global avgg x.npy", "no op 'avgg'; did you mean avg?"),
    ("max", "needs a window size"),
    ("max x.npy", "needs a window size"),
    ("max -k 2", "no input"),
    ("max -k two x.npy", "--size two: 'two' is not a whole number"),
    ("max -k 0 x.npy", "--size 0: numbers here start at 1"),
    ("max -k -3 x.npy", "--size -3: numbers here start at 1"),
    ("max -k 2 -s 0 x.npy", "--stride 0"),
    ("max -k 2 -d 0 x.npy", "--dilation 0"),
    ("max -k 2 -p full x.npy", "--padding full"),
    ("max -k 2 -l HXW x.npy", "unknown axis letter 'X'"),
    ("max -k 2 --nan maybe x.npy", "--nan"),
    ("max -k 2 --nodata none x.npy", "--nodata"),
    ("max -k 2 -p sam x.npy", "--padding sam: no such word; did you mean same?"),
    ("max -k 2 -p foo x.npy", "--padding foo: no such word; use valid, same, same-upper"),
    ("max -k 2 --layout= x.npy", "the layout is empty; give axis letters such as HW"),
    ("info --layout= x.npy", "the layout is empty"),
    ("conform -k 2 --layout= x.npy", "the layout is empty"),
    ("pyramid max --levels 1 --layout= x.npy", "the layout is empty"),
    ("max -k 2 --dtype number x.npy", "dtype 'number' is unknown"),
    ("max -k 2 --threads 0 x.npy", "--threads"),
    ("max -k 2 --divisor 3 x.npy", "No such option: --divisor"),
    ("max -k 2 --count-include-pad x.npy", "No such option: --count-include-pad"),
    ("global avg --size 2 x.npy", "No such option: --size"),
    ("global avg --divisor 2 x.npy", "No such option: --divisor"),
    ("avg -k 2 --divisor 0 x.npy", "divisor 0"),
    ("max -k", "requires an argument"),
    ("max -k 2 --like caffe x.npy", f"like 'caffe': use {', '.join(FRAMEWORKS)}"),
    ("max -k 2 --nodata 0 --min-valid 2 x.npy", "min_valid 2.0: must be a fraction"),
    ("adaptive max x.npy", "max needs an output size: --output-size 7"),
    ("adaptive max --output-size 0 x.npy", "--output-size 0: numbers here start at 1"),
    ("adaptive max --output-size 2 -s 1 x.npy", "No such option: -s"),
    ("fractional max x.npy", "max needs an output size"),
    ("fractional max --output-size 3 --seed x x.npy", "--seed"),
    ("pyramid max x.npy", "max needs levels: --levels 1,2,4"),
    ("pyramid max --levels 1,,2 x.npy", "--levels : '' is not a whole number"),
    ("pyramid max --levels 1,0 x.npy", "--levels 0: numbers here start at 1"),
    ("fractional", "Usage: poolcli fractional"),
    ("adaptive maxx x.npy", "no op 'maxx'; did you mean max?"),
    ("ops maxx", "no op 'maxx'; did you mean max?"),
    ("max -k 2 --bogus x.npy", "No such option: --bogus"),
    ("max -k 2 - -", "- is named twice"),
    ("max -k 2 x.npy --format npy", "--to and --format say how to write: they need --output"),
    ("max -k 2 x.npy -o out.xyz", "out.xyz"),
    ("max -k 2 x.npy -o out", ".pnm, and -o out/ is a folder"),
    ("max -k 2 x.npy -o out.npy --format xyz", "xyz"),
    ("max -k 2 x.npy -o - --json", "both want standard output"),
    ("max -k 2 x.npy --clip", "--clip needs something to fit"),
    ("max -k 2 x.npy -o out.npy --clip", "--clip needs something to fit"),
    ("max -k 2 x.npy -o there.npy/out.npy", "there.npy/out.npy: there.npy is there and no folder"),
    ("max -k 2 x.npy -o there.npy/deep/out/", "there.npy is there and no folder"),
    ("max -k 2 x.npy -o there.npy/", "there.npy/: is there and no folder"),
    ("max -k 2 x.npy -o there.npy/ --resume", "there.npy/: is there and no folder"),
    ("max -k 2 . -o there.npy/", "there.npy/: is there and no folder"),
    ("max -k 2 x.npy -o out/ --indices there.npy/", "there.npy/: is there and no folder"),
    ("max -k 2 x.npy -o /dev/null/", "/dev/null/: is there and no folder"),
    ("max -k 2 x.npy -o x.npy", "is the input itself; --overwrite replaces it"),
    ("max -k 2 x.npy -o ./x.npy", "is the input itself; --overwrite replaces it"),
    ("max -k 2 x.npy -o there.npy", "there.npy: exists; --overwrite replaces it"),
    ("max -k 2 x.npy there.npy -o out.npy", "one file for 2 inputs; name a folder: -o out.npy/"),
    ("max -k 2 . -o out.npy", "name a folder"),
    ("max -k 2 x.npy ./x.npy -o out/", "would be written for both x.npy and ./x.npy"),
    ("max -k 2 x.npy -o .", "is the input itself"),
    ("max -k 2 - -o out/", "has no name to keep"),
    ("max -k 2 x.npy there.npy -f csv -o -", "only npy can follow npy"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_usage(poolcli: Run, matrix: Path, arguments: str, said: str) -> None:
    there = matrix.with_name("there.npy")
    there.write_bytes(matrix.read_bytes())
    before = {path: path.read_bytes() for path in matrix.parent.iterdir()}
    code, out, err = poolcli(*arguments.split())
    assert (code, out) == (2, b"")
    assert said in err
    if not err.startswith("Usage:"):
        assert err.startswith("poolcli: ")
        assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in matrix.parent.iterdir()} == before


def test_no_arguments_show_the_help_and_fail(poolcli: Run) -> None:
    code, out, err = poolcli()
    assert (code, out) == (2, b"")
    assert "poolcli max --size 2 --stride 2 input.npy" in err


@pytest.mark.parametrize(
    "command",
    [
        *["", "max", "avg", "mean", "global", "global sum", "adaptive", "adaptive lp"],
        *["fractional max", "pyramid", "pyramid mean", "unpool", "ops", "info"],
    ],
)
def test_help(poolcli: Run, command: str) -> None:
    code, out, err = poolcli(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert out.decode().startswith(f"Usage: poolcli {command}".rstrip())


def test_version(poolcli: Run) -> None:
    from poolcli import __version__

    assert poolcli("--version") == poolcli("-V") == (0, f"poolcli {__version__}\n".encode(), "")
    assert poolcli("--version", "max", "-k", 2) == poolcli("--version")


def test_version_of_what_results_depend_on(poolcli: Run) -> None:
    import numpy as np
    import PIL

    from poolcli import __version__
    from poolcli.engine import library

    for arguments in (("--version", "--json"), ("--json", "-V")):
        code, out, err = poolcli(*arguments)
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert told["poolcli"] == __version__
        assert told["instructions"] == library.use_isa()
        libraries = told["libraries"]
        assert (libraries["numpy"], libraries["pillow"]) == (np.__version__, PIL.__version__)
        assert {"tifffile", "imagecodecs", "zlib"} <= set(libraries)
        assert set(told) == {"poolcli", "python", "platform", "instructions", "libraries"}


def test_options_exist_only_where_they_mean_something(poolcli: Run) -> None:
    assert "--divisor" in poolcli("avg", "--help").text
    assert "--divisor" not in poolcli("sum", "--help").text
    assert "--keepdims" in poolcli("global", "avg", "--help").text
    assert "--keepdims" not in poolcli("avg", "--help").text
    assert "--like" not in poolcli("ops", "--help").text
    assert "--threads" not in poolcli("unpool", "--help").text


def test_the_variable_for_layouts_is_checked(
    poolcli: Run, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOLCLI_LAYOUT", "NCHW,HQ")
    code, out, err = poolcli("max", "-k", 2, matrix)
    assert (code, out) == (2, b"")
    assert err.startswith("poolcli: variable POOLCLI_LAYOUT: layout 'HQ'")


def test_debug_shows_the_traceback(poolcli: Run) -> None:
    code, out, err = poolcli("--debug", "max", "-k", 2, "missing.npy")
    assert (code, out) == (1, b"")
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("poolcli: missing.npy:")


def test_help_shows_what_values_are(poolcli: Run) -> None:
    for command in ("lp", "stochastic", "fractional max", "median", "conform", "completion"):
        help = poolcli(*command.split(), "--help").text
        assert not re.search(r"<\w+", help), help
    assert "--mode sample|expected" in poolcli("stochastic", "--help").text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["max", "-k", "2", "-l", "N" * 100_000], "axis letter 'N' stands twice"),
        (["max", "-k", "2", "-l", "H" + "x" * 100_000], "unknown axis letter 'X'"),
        (["pyramid", "max", "--levels", ",".join("1" * 20_000)], "20000 are given; at most 1000"),
        (["chain", "pyramid max " + ",".join("1" * 20_000)], "20000 are given; at most 1000"),
        (["chain", "|".join(["max 1"] * 15_000)], "the chain has 15000 stages; at most 1000"),
        (["shape", "8x8", "|".join(["max 1"] * 15_000)], "the chain has 15000 stages"),
    ],
)
def test_what_nobody_means_is_refused_early(
    poolcli: Run, matrix: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is planned: 15,000 stages take seconds, and the time grew with their square."""

    def plan(*_: object) -> None:
        raise AssertionError("it was planned")

    if "-l" not in arguments:
        monkeypatch.setattr("poolcli.request.Request.plan", plan)
    inputs = [] if arguments[0] == "shape" else [matrix]
    code, out, err = poolcli(*arguments, *inputs)
    assert (code, out) == (2, b"")
    assert said in err
    assert len(err) < 400


def test_an_option_is_declared_once() -> None:
    """Commands name it, and may word it otherwise: see ``poolcli/cli/declare.py``."""
    declared: list[str] = []
    for path in Path(takes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("option", "switch"):
                words = [a.value for a in node.args if isinstance(a, ast.Constant)]
                declared += [word for word in words[1:] if re.fullmatch(r"-[-\w/]+", str(word))]
    assert len(declared) > 40
    assert sorted(declared) == sorted(set(declared))
