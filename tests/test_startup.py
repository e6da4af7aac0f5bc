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


def loaded(*arguments: str) -> set[str]:
    """Run the program and give the packages that it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


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


def test_the_package_itself_loads_nothing() -> None:
    code = "import poolcli, sys; print('numpy' in sys.modules, 'typer' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
