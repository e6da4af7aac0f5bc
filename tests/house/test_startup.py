"""What is loaded for what: start-up time, counted in modules rather than measured."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "poolcli"

RUN = """
import sys
from poolcli.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*sys.modules, file=sys.stderr)
"""
LIBRARIES = """
import sys, numpy, typer
print(*sys.modules, file=sys.stderr)
"""
COLLECTS = """
import gc
print(gc.isenabled(), file=sys.stderr)
"""
THREADS = """
import os
print(len(os.listdir("/proc/self/task")), file=sys.stderr)
"""

# What an .npy file, pooled to another one, has no use for: of the standard library, and of our own.
UNNEEDED = """
concurrent.futures decimal fractions glob hashlib json random string tempfile zipfile
analysis batch.manifest batch.manifest_file batch.parallel batch.shards batch.unchanged chain_syntax
chains formats.exif
formats.geotiff formats.image formats.image_writer formats.npz formats.pnm formats.png
formats.limits formats.metadata formats.remote formats.tiff images.colour images.colormaps
images.render plugins
images.alpha images.whole_pixels joined report.conform report.shape report.terminal
report.compared report.drawn report.inline report.pixels report.preview unpooling
"""


def last_line(code: str, *arguments: str, given: bytes = b"") -> str:
    """Run the program, as a process of its own, in some code and give what that says at its end."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    # Tests that ran the program inside their own process have left it there.
    environment.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT,
        env=environment,
        input=given,
        capture_output=True,
        check=True,
    )
    return done.stderr.decode().splitlines()[-1]


def modules(*arguments: str, given: bytes = b"") -> set[str]:
    """Run the program and give the modules that it has loaded, its own without their package."""
    names = last_line(RUN, *arguments, given=given).split()
    return {name.removeprefix("poolcli.") for name in names}


def loaded(*arguments: str) -> set[str]:
    """Run the program and give the packages that it has loaded."""
    return {name.partition(".")[0] for name in last_line(RUN, *arguments).split()}


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        ("--help", "numpy rich imageio PIL tifffile pydantic click"),
        ("max --help", "numpy rich imageio PIL tifffile pydantic click"),
        ("ops", "numpy rich imageio PIL tifffile pydantic click"),
        (
            "max -k 2 sample_data/max_4x4.npy",
            "rich imageio PIL tifffile pydantic click zipfile",
        ),
        ("info sample_data/max_4x4.csv", "rich imageio PIL tifffile pydantic click zipfile"),
        ("global avg sample_data/storm.png -q", "rich pydantic tifffile"),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(arguments: str, unneeded: str) -> None:
    packages = loaded(*arguments.split())
    assert "typer" in packages
    assert not packages & set(unneeded.split())


@pytest.mark.parametrize("source", ["sample_data/max_4x4.npy", "-"])
@pytest.mark.parametrize("written", [False, True])
def test_an_array_loads_nothing_that_is_for_others(
    source: str, written: bool, tmp_path: Path
) -> None:
    output = ["-o", str(tmp_path / "out.npy")] if written else []
    given = (PROJECT / "sample_data/max_4x4.npy").read_bytes()
    names = modules("max", "-k", "2", source, *output, given=given)
    assert {"formats.npy", "plan"} <= names
    libraries = set(last_line(LIBRARIES).split())
    assert not (names - libraries) & set(UNNEEDED.split())


# A module costs a quarter of a millisecond, whatever is in it.
@pytest.mark.parametrize(
    ("arguments", "most"), [("--help", 29), ("max -k 2 sample_data/max_4x4.npy", 78)]
)
def test_modules_stay_few(arguments: str, most: int) -> None:
    own = [name for name in last_line(RUN, *arguments.split()).split() if "poolcli" in name]
    assert len(own) <= most, sorted(own)


def test_what_is_not_loaded_exists() -> None:
    # A module may be renamed, and what it was called is then loaded by nobody.
    for name in UNNEEDED.split():
        path = PACKAGE.joinpath(*name.split("."))
        own = path.is_dir() or path.with_suffix(".py").exists()
        assert own or name.partition(".")[0] in sys.stdlib_module_names, name


def test_a_picture_is_read_through_the_library_for_pictures() -> None:
    assert "PIL" in loaded("global", "avg", "sample_data/storm.png")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lists threads there")
def test_numpy_starts_no_threads_of_its_own() -> None:
    assert last_line(RUN + THREADS, "max", "-k", "2", "sample_data/max_4x4.npy") == "1"


@pytest.mark.parametrize("command", ["max -k 2", "info", "chain 'avg 2'", "conform -k 2"])
def test_garbage_is_collected_while_there_is_work(command: str) -> None:
    arguments = [*shlex.split(command), "sample_data/max_4x4.npy"]
    assert last_line(RUN.replace("main(sys.argv[1:])", "main()") + COLLECTS, *arguments) == "True"


def test_the_package_itself_loads_nothing() -> None:
    code = "import poolcli, sys; print('numpy' in sys.modules, 'typer' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
