"""Plugins by entry points: found where a name is unknown, listed, and refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import poolcli as library
from poolcli import plugins
from poolcli.errors import UsageError
from tests.helpers.every import every
from tests.helpers.plugins import install
from tests.helpers.program import PROJECT, Outcome

Run = Callable[..., Outcome]
MATRIX = "1 3 2 4; 5 6 1 2; 2 4 0 1; 1 2 3 4"

MODULE = """
import numpy as np
from poolcli.errors import OutputError
from poolcli.formats.base import Decoded, Format, OpenFile, Source, SourceInfo
from poolcli.formats.guard import reading
from poolcli.ops import Op, Param, in_python

def spread(cells, valid, scale):
    return (np.where(valid, cells, -np.inf).max(0) - np.where(valid, cells, np.inf).min(0)) * scale

SPREAD = Op(
    name="spread", aliases=("width",), summary="the largest minus the smallest value, scaled",
    formula="s·(max(x) − min(x))", source="a test", kernel=in_python(spread),
    params=(Param("scale", float, 1.0, "what results are multiplied by"),),
)

class Bare(OpenFile):
    def sources(self):
        with reading(self.opened.label):
            rows, columns = self.opened.file.read(7)[4:6]
            data = self.opened.file.read()
        info = SourceInfo(self.opened.label, (rows, columns), np.dtype("u1"), BARE, ".bare")
        yield Source(info, lambda: Decoded(np.frombuffer(data, "u1").reshape(rows, columns)))

def encode(array, *_):
    if array.dtype != np.uint8 or array.ndim != 2:
        raise OutputError("bare files hold matrices of uint8")
    return iter([b"\\x00BAR", bytes([*array.shape, 0]), array.tobytes()])

BARE = Format("bare", (".bare", ".bar"), lambda head: head.startswith(b"\\x00BAR"), Bare, encode)
MAX = SPREAD._replace(name="max")
ALSO_MAX = SPREAD._replace(aliases=("mean",))
NO_KERNEL = SPREAD._replace(kernel=None)
PNG = BARE._replace(name="png")
TAKES_NPY = BARE._replace(extensions=(".npy",))
NO_DOT = BARE._replace(extensions=("bare",))
A_TEXT = BARE._replace(extensions=".bare")
MUTE = BARE._replace(encode=None)
FAILING = BARE._replace(name="failing", recognises=lambda head: head[10**6])
"""


@pytest.fixture
def module(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a module with an op and a format, which no distribution names yet."""
    (site / "their_rows.py").write_text(MODULE, encoding="utf-8")
    (site / "their_broken.py").write_text("import not_a_module_that_is_there\n", encoding="utf-8")
    (site / "their_end.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    for name in ("their_rows", "their_broken", "their_end"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return site


@pytest.fixture
def spread(module: Path) -> None:
    points = {"spread": "their_rows:SPREAD", "width": "their_rows:SPREAD"}
    install(module, "their-ops", {"ops": points})


@pytest.fixture
def bare(module: Path) -> None:
    install(module, "their-formats", {"formats": {"bare": "their_rows:BARE"}})


def test_an_op_pools_in_every_command(spread: None, poolcli: Run) -> None:
    def check(row: tuple[str, str]) -> None:
        arguments, expected = row
        done = poolcli(*arguments.split(), "--matrix", MATRIX)
        assert done.code == 0, done.err
        assert expected in done.text

    every(
        [
            ("spread -k 2", "5.0 3.0\n3.0 4.0\n"),
            ("width -k 2 --scale 2", "10.0 6.0\n6.0 8.0\n"),
            ("global spread", "\n6.0\n"),
            ("adaptive spread --output-size 1x2", "5.0 4.0\n"),
            ("explain spread -k 2", "spread(1, 3, 5, 6) = 5"),
            ("compare -k 2 --ops max,spread --json", '"op": "spread"'),
        ],
        check,
    )
    done = poolcli("chain", "spread 2 | max 2", "--matrix", MATRIX)
    assert done.text.splitlines()[-1] == "5.0"


def test_an_op_has_help_and_is_shown(spread: None, poolcli: Run) -> None:
    assert "--scale" in poolcli("spread", "--help").text
    assert "--scale" in poolcli("global", "spread", "--help").text
    assert "s·(max(x) − min(x))" in poolcli("ops", "spread").text
    assert "spread" not in poolcli("ops").text  # the program's own


def test_an_op_from_python(spread: None) -> None:
    x = np.arange(16.0).reshape(4, 4)
    assert library.pool(x, "spread", 2).tolist() == [[5, 5], [5, 5]]
    assert library.global_pool(x, "width", scale=2).tolist() == 30


def test_a_mistyped_name_meets_ops_of_plugins(spread: None, poolcli: Run) -> None:
    assert "did you mean spread?" in poolcli("global", "spreed", "--matrix", "1").err
    with pytest.raises(UsageError, match="did you mean spread?"):
        library.pool(np.zeros((2, 2)), "spredd", 2)


def test_a_format_is_read_written_and_found_in_folders(
    bare: None, poolcli: Run, tmp_path: Path
) -> None:
    cells = bytes([1, 3, 2, 4, 5, 6, 1, 2])
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.bare").write_bytes(b"\0BAR\2\4\0" + cells)
    (tmp_path / "in/named-otherwise").write_bytes(b"\0BAR\2\4\0" + cells)
    assert poolcli("info", "in/a.bare").text == "in/a.bare: 2x4 HW uint8 (bare)\n"
    assert poolcli("max", "-k", 2, "in", "-o", "out/", "-q").code == 0
    for name in ("a.bare", "named-otherwise.bare"):
        written = tmp_path / "out" / name
        if not written.exists():
            written = tmp_path / "out" / "named-otherwise"
        assert written.read_bytes() == b"\0BAR\1\2\0" + bytes([6, 4]), sorted(Path("out").iterdir())
    for arguments in (["-o", "x.bar"], ["-o", "y/", "--to", "bare"]):
        assert poolcli("max", "-k", 2, "in/a.bare", *arguments, "-q").code == 0
    assert Path("x.bar").read_bytes() == Path("y/a.bare").read_bytes() == b"\0BAR\1\2\0\6\4"


def test_a_format_says_what_it_does_not_hold(bare: None, poolcli: Run) -> None:
    done = poolcli("avg", "-k", 2, "--matrix", "1 2; 3 4", "-o", "x.bare")
    assert (done.code, done.err) == (1, "poolcli: x.bare: bare files hold matrices of uint8\n")
    assert not Path("x.bare").exists()


# Entry points of one distribution; what is said of it, after its name and version.
REFUSED: list[tuple[str, str, str, str]] = [
    ("ops", "gone", "their_broken:X", "it cannot be imported: No module named 'not_a_module"),
    ("ops", "gone", "their_rows:NONE", "AttributeError: module 'their_rows' has no attribute"),
    ("ops", "ends", "their_end:X", "it cannot be imported: SystemExit: 3"),
    ("ops", "spread", "their_rows:BARE", "it is no poolcli.ops.Op, but of type Format"),
    ("ops", "other", "their_rows:SPREAD", "the op calls itself 'spread'"),
    ("ops", "max", "their_rows:MAX", "there is an op of that name"),
    ("ops", "spread", "their_rows:ALSO_MAX", "there is an op 'mean'"),
    ("ops", "spread", "their_rows:NO_KERNEL", "its kernel is no function"),
    ("formats", "bare", "their_broken:X", "it cannot be imported: No module named"),
    ("formats", "bare", "their_rows:SPREAD", "it is no poolcli.formats.base.Format, but of type"),
    ("formats", "other", "their_rows:BARE", "the format calls itself 'bare'"),
    ("formats", "png", "their_rows:PNG", "there is a format of that name"),
    ("formats", "bare", "their_rows:TAKES_NPY", "there is a format with extension '.npy'"),
    ("formats", "bare", "their_rows:NO_DOT", "its extension 'bare' is not like '.abc'"),
    ("formats", "bare", "their_rows:A_TEXT", "it has no list of extensions"),
]


@pytest.mark.parametrize(("group", "name", "value", "said"), REFUSED)
def test_what_is_no_plugin_is_refused_in_one_line(
    module: Path, poolcli: Run, group: str, name: str, value: str, said: str
) -> None:
    install(module, "their-things", {group: {name: value}}, version="2.1")
    kind = group[:-1]
    listed = poolcli("info", "--plugins")
    assert (listed.code, listed.out) == (1, b"")
    start = f"poolcli: plugin their-things 2.1: its {kind} '{name}' is refused: "
    assert listed.err.startswith(start)
    assert said in listed.err
    assert listed.err.count("\n") == 1
    (record,) = map(json.loads, poolcli("info", "--plugins", "--json").text.splitlines())
    assert said in record["error"]
    assert (record["plugin"], record["distribution"]) == (kind, "their-things")
    if name in ("max", "png"):  # the program's own are as they were
        assert poolcli("max", "-k", 2, "--matrix", MATRIX, "-o", "x.png").code == 0
        return
    line = f"{name} -k 2 --matrix 1" if group == "ops" else "max -k 1 --matrix 1 -o x.bare"
    done = poolcli(*line.split())
    assert done.code != 0
    assert said in done.err
    assert done.err.count("\n") == 1


def test_two_of_one_name_are_both_refused(module: Path, poolcli: Run) -> None:
    for name in ("first-ops", "second-ops"):
        install(module, name, {"ops": {"spread": "their_rows:SPREAD"}})
    done = poolcli("spread", "-k", 2, "--matrix", "1")
    assert done.code == 2
    assert done.err == (
        "poolcli: plugin first-ops 1.0: its op 'spread' is refused: plugin second-ops 1.0 has one"
        " of that name, too; uninstall one of them\n"
    )


def test_one_that_fails_keeps_no_other_back(module: Path, bare: None, poolcli: Run) -> None:
    Path("known").write_bytes(b"\0BAR\1\2\0\6\4")
    Path("unknown").write_bytes(b"\0FOO")
    for name, value, said in (
        ("failing", "their_rows:FAILING", "fails: IndexError: index out of range"),
        ("broken", "their_broken:X", "is refused: it cannot be imported: No module named"),
    ):
        install(module, f"a-{name}", {"formats": {name: value}})
        plugins.forget()
        assert poolcli("max", "-k", 1, "known").code == 0
        done = poolcli("max", "-k", 1, "unknown")
        assert done.code == 1
        assert done.err.startswith("poolcli: unknown: it is of no known format; plugin")
        assert f"plugin a-{name} 1.0: its format '{name}' {said}" in done.err
        assert done.err.count("\n") == 1


def test_they_are_listed(spread: None, bare: None, poolcli: Run) -> None:
    done = poolcli("info", "--plugins")
    assert (done.code, done.err) == (0, "")
    assert done.text.splitlines() == [
        "format bare: .bare .bar (their-formats 1.0)",
        "op spread: the largest minus the smallest value, scaled (their-ops 1.0)",
        "op width: the largest minus the smallest value, scaled (their-ops 1.0)",
    ]
    records = [
        json.loads(line) for line in poolcli("info", "--plugins", "--json").text.splitlines()
    ]
    assert records[0] == {
        "plugin": "format",
        "name": "bare",
        "distribution": "their-formats",
        "version": "1.0",
        "extensions": [".bare", ".bar"],
    }
    assert records[1]["formula"] == "s·(max(x) − min(x))"


def test_a_list_takes_no_input(site: Path, poolcli: Run) -> None:
    done = poolcli("info", "--plugins", "x.npy")
    said = "poolcli: --plugins lists what is installed, and takes no input\n"
    assert (done.code, done.out, done.err) == (2, b"", said)


def test_a_distribution_without_a_description_is_named_by_its_module(
    module: Path, poolcli: Run
) -> None:
    install(module, "their-ops", {"ops": {"spread": "their_broken:X"}})
    (module / "their_ops-1.0.dist-info/METADATA").unlink()
    done = poolcli("spread", "-k", 2, "--matrix", "1")
    assert done.code == 2
    assert done.err.startswith("poolcli: plugin their_broken:X: its op 'spread' is refused")
    assert done.err.count("\n") == 1


LOADS = """
import sys
from poolcli.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print("poolcli.plugins" in sys.modules, "importlib.metadata" in sys.modules)
"""


def test_nothing_is_looked_up_for_what_is_known(site: Path, tmp_path: Path) -> None:
    """Not even whether anything is installed."""
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    for arguments in (
        ["--help"],
        ["ops"],
        ["max", "-k", "2", "x.npy", "-o", "y.npy", "-q"],
        ["max", "-k", "2", "--matrix", MATRIX, "-o", "z.png", "-q"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", LOADS, *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{PROJECT}:{site}", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "False False", arguments


def test_what_is_installed_is_asked_once(spread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    asked = []
    real = metadata.entry_points

    def counting(**selected: str) -> object:
        asked.append(selected)
        return real(**selected)

    monkeypatch.setattr(metadata, "entry_points", counting)
    plugins.forget()
    for _ in range(3):
        library.pool(np.zeros((2, 2)), "spread", 2)
    assert asked == [{"group": "poolcli.ops"}]
