"""What CONTRIBUTING.md says about adding rows to the tables is all there is to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from examples import PROJECT

BLOCK = re.compile(r"^```(python|cpp)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Command = Callable[..., str]
MATRIX = "1 3 2 4; 5 6 1 2; 2 4 0 1; 1 2 3 4"


def blocks(heading: str, language: str = "python") -> list[str]:
    """Give the blocks of code below a heading of the page."""
    page = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = BLOCK.findall(page.split(f"\n## {heading}\n")[1].split("\n## ")[0])
    return [code for written_in, code in found if written_in == language]


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Replace what stands in a file once by something else."""
    text = path.read_text(encoding="utf-8")
    for before, after in changes:
        assert text.count(before) == 1, (path, before)
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


# The program in the copy, which runs one command line after another.
PROGRAM = """
import io, json, sys
from poolcli.cli.main import main
stdout = sys.stdout
for line in sys.stdin:
    sys.stdout, sys.stderr = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    try:
        main(json.loads(line))
    except SystemExit as end:
        said = []
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            said.append(stream.buffer.getvalue().decode())
        print(json.dumps([end.code, *said]), file=stdout, flush=True)
"""


@pytest.fixture(scope="module")
def program(house: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the program of the copy once for all its command lines."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=house, env=surroundings(house), text=True, **pipes
    ) as process:
        yield process


@pytest.fixture
def poolcli(program: subprocess.Popen[str]) -> Command:
    def run(*arguments: str) -> str:
        assert program.stdin is not None
        assert program.stdout is not None
        print(json.dumps(arguments), file=program.stdin, flush=True)
        code, out, err = json.loads(program.stdout.readline())
        assert (code, err) == (0, ""), err
        return str(out)

    return run


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the program to which the page has been done."""
    copy = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "poolcli", copy / "poolcli", ignore=ignored)
    shutil.copytree(PROJECT / "docs", copy / "docs", ignore=ignored)
    quartile, midrange, function, harmonic, _ = blocks("Adding an op")
    edit(
        copy / "poolcli/ops.py",
        ("\nROWS = (\n", f"\n{function}\n\nROWS = (\n"),
        ("\n)\nOPS: ", f"\n{quartile}{midrange}{harmonic})\nOPS: "),
    )
    geometry, row = blocks("Adding a window family")
    path = copy / "poolcli/geometry.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{geometry}", encoding="utf-8")
    edit(
        copy / "poolcli/families.py",
        ("\n)\nFAMILIES: ", f"\n{row})\nFAMILIES: "),
        ("from poolcli.geometry import ", "from poolcli.geometry import Middle, "),
    )
    row, file = blocks("Adding a format")
    edit(copy / "poolcli/formats/table.py", ("\n    TEXT,  # the", f"\n{row}    TEXT,  # the"))
    (copy / "poolcli/formats/idx.py").write_text(file, encoding="utf-8")
    row, file = blocks("Adding a framework")
    edit(copy / "poolcli/frameworks/table.py", ("\n)\nTABLE: ", f"\n{row})\nTABLE: "))
    (copy / "poolcli/frameworks/tinygrad.py").write_text(file, encoding="utf-8")
    return copy


def surroundings(house: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(house), "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}


def run(house: Path, *arguments: str) -> str:
    """Run Python in the copy and give what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=house,
        env=surroundings(house),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("midrange -k 2", [[3.5, 2.5], [2.5, 2.0]]),
        ("midrange -k 3 -s 3 -p 1 --like torch", [[3.5, 2.5], [2.5, 2.0]]),
        ("global midrange", [[3.0]]),
        ("adaptive midrange --output-size 1x2", [[3.5, 2.0]]),
        (
            "fractional midrange --output-size 4",
            [[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]],
        ),
        ("pyramid midrange --levels 1,2", [3.0, 3.5, 2.5, 2.5, 2.0]),
        ("midrange -k 4 --nodata 6 --nan skip", [[2.5]]),
        ("upper-quartile -k 2", [[5.25, 2.5], [2.5, 3.25]]),
        ("global upper-quartile", [[4.0]]),
        ("harmonic -k 4x1", [[40 / 27, 16 / 5, 0, 2]]),
        ("harmonic -k 3 -s 3 -p 1 --nodata 6", [[45 / 23, 16 / 9], [16 / 9, 0]]),
    ],
)
def test_the_new_ops_pool(poolcli: Command, arguments: str, expected: object) -> None:
    printed = poolcli(*arguments.split(), "--matrix", MATRIX)
    numbers = np.loadtxt(printed.splitlines(), ndmin=np.ndim(expected))
    np.testing.assert_allclose(numbers, expected, rtol=1e-6)  # as few digits are printed


def test_they_are_explained(poolcli: Command) -> None:
    said = poolcli("explain", "midrange", "-k", "2", "--matrix", MATRIX)
    assert "[0,0]   midrange(1, 3, 5, 6) = 3.5" in said


def test_they_are_listed_and_have_help(poolcli: Command) -> None:
    names = [line.split("\t")[0] for line in poolcli("ops").splitlines()]
    assert names[-3:] == ["upper-quartile", "midrange", "harmonic"]
    assert "(min(x) + max(x)) / 2" in poolcli("ops", "midrange")
    assert "--size" in poolcli("midrange", "--help")
    assert "midrange" in poolcli("adaptive", "--help")


def test_they_are_functions(house: Path) -> None:
    code = """
import numpy as np
from poolcli import OPS, adaptive_pool, pool
x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
print("midrange" in OPS, *pool(x, "midrange", 4, layout="NCHW").ravel())
print(adaptive_pool(x.astype(np.float16), "upper-quartile", 1, layout="NCHW").dtype)
print(pool(np.array([[np.nan, 1.0, 3.0]]), "midrange", (1, 3), nan="skip").item())
"""
    assert run(house, "-c", code) == "True 7.5 23.5\nfloat16\n2.0\n"


def test_they_get_their_sections(house: Path) -> None:
    run(house, "docs/tools/make_ops.py")
    page = (house / "docs" / "ops.md").read_text(encoding="utf-8")
    section = page.split("\n## midrange\n")[1].split("\n## ")[0]
    assert "bool, uint8, int32 → float64; float16, float32, float64 are kept" in section
    assert "one in a window makes its result NaN" in section
    assert section.endswith("3.5 2.5\n2.5 2.0\n```\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("middle max --size 2", [[6]]),
        ("middle avg -k 2x4", [[21 / 8]]),
        ("middle midrange -k 4", [[3.0]]),
        ("middle stochastic -k 2 --mode expected", [[(36 + 1 + 16) / 11]]),
    ],
)
def test_the_new_family_pools_by_every_op(
    poolcli: Command, arguments: str, expected: object
) -> None:
    printed = poolcli(*arguments.split(), "--matrix", MATRIX)
    np.testing.assert_allclose(np.loadtxt(printed.splitlines(), ndmin=2), expected, rtol=1e-15)


def test_the_new_family_is_in_help_reports_chains_and_json(poolcli: Command) -> None:
    assert "pool the middle of each plane" in poolcli("--help")
    assert "--size" in poolcli("middle", "max", "--help")
    assert "middle OP SIZE" in poolcli("chain", "--help")
    chained = poolcli("chain", "max 1 | middle max 2", "--matrix", MATRIX)
    assert np.loadtxt(chained.splitlines()).item() == 6
    as_json = poolcli("middle", "max", "-k", "2", "--json", "--matrix", MATRIX)
    assert json.loads(as_json)["windows"] == {"kind": "middle", "size": [2, 2]}


@pytest.mark.parametrize("like", ["tinygrad", "tiny"])
def test_the_new_framework_has_its_defaults(poolcli: Command, like: str) -> None:
    arguments = ["avg", "-k", "2", "-p", "1", "--like", like, "--matrix", MATRIX]
    printed = poolcli(*arguments)
    expected = [[0.25, 1.25, 1.0], [1.75, 2.75, 0.75], [0.25, 1.25, 1.0]]
    assert np.loadtxt(printed.splitlines()).tolist() == expected


def test_the_new_framework_is_compared_by_its_rules(poolcli: Command) -> None:
    def compared(*arguments: str) -> dict[str, object]:
        words = ["conform", "-k", "2", *arguments, "--json", "--matrix", MATRIX]
        lines = poolcli(*words).splitlines()
        assert [json.loads(line)["framework"] for line in lines][:3] == ["torch", "keras", "onnx"]
        last: dict[str, object] = json.loads(lines[-1])
        return last

    assert compared("-p", "same")["refused"] == "it takes padding in numbers, not 'same'"
    assert compared("-p", "1", "--op", "avg")["why"] == [
        "without a stride it steps by the size: 2x2",
        "padding counts as zeros in the mean",
    ]


def test_the_new_framework_has_its_layers(poolcli: Command) -> None:
    chain = "max 3/2 p1 | avg 2"
    code = poolcli("shape", "224x224x64", chain, "--code", "tinygrad")
    assert code == (
        "# max 3/2 p1 | avg 2\n# for 224x224x64 HWC; takes Nx64x224x224\ndef pool(x):\n"
        "    x = x.max_pool2d(3, stride=2, padding=1)\n    x = x.avg_pool2d(2)\n    return x\n"
    )


def test_the_new_framework_is_in_help(poolcli: Command) -> None:
    assert "Keras's, ONNX's and tinygrad's rules" in " ".join(poolcli("--help").split())
    for command in (["max"], ["shape"]):
        assert "torch|keras|onnx|tinygrad" in poolcli(*command, "--help")


def test_the_new_format_is_written_and_read_by_its_first_bytes(
    poolcli: Command, tmp_path: Path
) -> None:
    path, other = tmp_path / "a.idx", tmp_path / "digits"
    poolcli("max", "-k", "1", "--dtype", "uint8", "--matrix", MATRIX, "-q",
        "-o", str(path))  # fmt: skip
    assert path.read_bytes()[:12] == b"\0\0\x08\x02\0\0\0\x04\0\0\0\x04"
    path.rename(other)
    assert poolcli("info", str(other)) == f"{other}: 4x4 HW uint8 (idx)\n"
    printed = poolcli("max", "-k", "2", str(other))
    assert np.loadtxt(printed.splitlines()).tolist() == [[6, 4], [4, 4]]
    out = f"{tmp_path}/out/"
    poolcli("max", "-k", "2", str(other), "--to", "idx", "-q", "-o", out)
    assert Path(out, "digits.idx").read_bytes()[12:] == bytes([6, 4, 4, 4])


def test_the_new_format_is_in_messages_and_is_refused_in_one_line(
    house: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut").write_bytes(b"\0\0\x08\x01\0\0\0\x09abc")
    for arguments, said in (
        (["max", "-k", "1", "cut"], "cut: its header needs 17 bytes, it has 11"),
        (
            ["max", "-k", "1", "--matrix", "1", "-o", "a.nothing"],
            ".safetensors .zarr .idx",
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "poolcli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(house)},
            capture_output=True,
            text=True,
        )
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


# What every row of a table must pass, run on the new rows alone.
SWEEPS = (
    *("tests/engine/test_far_windows.py", "tests/numbers/test_blocks.py"),
    *("tests/cli/test_families.py", "tests/cli/test_positions.py", "tests/cli/test_listing.py"),
    *("tests/analysis/test_explain.py", "tests/cli/test_every_format.py"),
    *("tests/cli/test_like.py", "tests/analysis/test_code.py"),
)
NEW = ("upper-quartile", "midrange", "harmonic", "middle", "idx", "tinygrad")


def test_the_new_rows_pass_what_every_row_must(house: Path, tmp_path: Path) -> None:
    """The sweeps of the tests take them in, and the drawing of the rooms has a place for them."""
    for name in ("tests", "sample_data"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, house / name, ignore=ignored, dirs_exist_ok=True)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(PROJECT / name, house)
    base = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    report = tmp_path / "report.xml"
    run(house, *base, "tests/house/test_architecture.py")
    run(house, *base, f"--junitxml={report}", *SWEEPS, "-k", " or ".join(NEW))
    passed = re.findall(r'<testcase classname="([\w.]+)" name="([^"]+)"', report.read_text("utf-8"))
    by_row = {name: {module for module, case in passed if name in case} for name in NEW}
    assert {name: len(modules) for name, modules in by_row.items()} == {
        **dict.fromkeys(("upper-quartile", "midrange", "harmonic"), 6),
        "middle": 1,
        "idx": 1,
        "tinygrad": 2,
    }


# The files of other ops: to compile them all takes most of the time, and says nothing of a new one.
OTHERS = ("extremes", "sums", "whole_sums", "powers", "softmax", "spread", "expected", "medians")
OTHERS += ("ranks", "modes", "draws", "blur", "areas", "counts")
BUILD = """
from pathlib import Path
import hatch_build
# As quick as can be: without optimising, for one processor.
hatch_build.FLAGS += ("-O0",)
hatch_build.platform.machine = lambda: "any"
hatch_build.build(Path("."))
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="a kernel in C++ wants a compiler, g++")
def test_a_compiled_op(tmp_path: Path) -> None:
    """Everything that the page tells, in a copy that is built anew."""
    ignored = shutil.ignore_patterns("__pycache__", "_native.*")
    shutil.copytree(PROJECT / "poolcli", tmp_path / "poolcli", ignore=ignored)
    shutil.copy(PROJECT / "hatch_build.py", tmp_path)
    kernels = tmp_path / "poolcli/kernels"
    (code,) = blocks("Adding an op", "cpp")
    (kernels / "product.cpp").write_text(code, encoding="utf-8")
    declared = "const Kernel *expected_kernel(const pool_call &call);\n"
    mine = "const Kernel *product_kernel(const pool_call &call);\n"
    runs = "int run_product(pool_call &call, int64_t *bytes);\n"
    edit(kernels / "ops.hpp", (declared, declared + mine + runs))
    last = "    /* count */ {run_count, count_kernel},\n"
    edit(kernels / "run.cpp", (last, f"{last}    /* product */ {{run_product, product_kernel}},\n"))
    edit(kernels / "pool.h", ("    POOL_OPS\n", "    POOL_PRODUCT,\n    POOL_OPS\n"))
    ops = '    *("sample", "expected", "area", "count"),\n'
    edit(tmp_path / "poolcli/engine/library.py", (ops, f'{ops}    "product",\n'))
    row = blocks("Adding an op")[-1]
    edit(tmp_path / "poolcli/ops.py", ("\n)\nOPS: ", f"\n{row})\nOPS: "))
    table = (kernels / "run.cpp").read_text(encoding="utf-8")
    mine_alone = re.sub(
        r"(/\* (?!product|find nan)[a-z ]+ \*/) \{.*?\}", r"\1 {nullptr, nullptr}", table
    )
    (kernels / "run.cpp").write_text(mine_alone, encoding="utf-8")
    for name in OTHERS:
        (kernels / f"{name}.cpp").unlink()
    run(tmp_path, "-c", BUILD)
    for arguments, expected in (
        ("product -k 2", [[90, 16], [16, 0]]),
        ("product -k 3 -s 3 -p 1 --nodata 6", [[15, 16], [16, 0]]),
        ("global product --nodata 0", [[276480]]),
    ):
        printed = run(tmp_path, "-m", "poolcli", *arguments.split(), "--matrix", MATRIX)
        np.testing.assert_array_equal(np.loadtxt(printed.splitlines(), ndmin=2), expected)
