"""Start-up: whole processes that have next to nothing to do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import processes
from benchmarks.timing import Case, Target, Way


def starts(folder: Path, program: str, python: str, quick: bool) -> list[Case]:
    """``program`` and ``python`` are of an environment that holds poolcli and what it needs."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny = folder / "tiny.npy"
    np.save(tiny, np.arange(16.0).reshape(4, 4))
    commands = {
        'python -c ""': [python, "-c", ""],
        'python -c "import numpy"': [python, "-c", "import numpy"],
        "poolcli max --size 2 tiny.npy": [program, "max", "--size", "2", str(tiny)],
        'python -c "import typer"': [python, "-c", "import typer"],
        "poolcli --help": [program, "--help"],
    }
    ways = [
        Way(name, partial(processes.run, command), 0, answer=None)
        for name, command in commands.items()
    ]
    targets = [
        Target('python -c "import numpy"', most=1.8, of="poolcli max --size 2 tiny.npy"),
        Target('python -c "import typer"', most=1.5, of="poolcli --help"),
    ]
    return [Case("whole processes", ways, targets, rounds=8 if quick else 40)]
