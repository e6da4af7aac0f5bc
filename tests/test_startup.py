"""What is loaded for what: start-up time, counted in modules rather than measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

RUN = """
import sys
from poolcli.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
THREADS = """
import os
print(len(os.listdir("/proc/self/task")), file=sys.stderr)
"""


def last_line(code: str, *arguments: str) -> str:
    """Run the program, as a process of its own, in some code and give what that says at its end."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    # Tests that ran the program inside their own process have left it there.
    environment.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()[-1]


def loaded(*arguments: str) -> set[str]:
    """Run the program and give the packages that it has loaded."""
    return set(last_line(RUN, *arguments).split())


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


def test_a_picture_is_read_through_the_library_for_pictures() -> None:
    assert "PIL" in loaded("global", "avg", "sample_data/storm.png")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lists threads there")
def test_numpy_starts_no_threads_of_its_own() -> None:
    assert last_line(RUN + THREADS, "max", "-k", "2", "sample_data/max_4x4.npy") == "1"


def test_the_package_itself_loads_nothing() -> None:
    code = "import poolcli, sys; print('numpy' in sys.modules, 'typer' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
