"""Make the hostile corpus: python -m tests.helpers.hostile.make_corpus FOLDER.

Every file is made from a few lines of code here; none is kept in the repository.
"""

import json
import sys
from pathlib import Path

from tests.helpers.hostile.case import Case
from tests.helpers.hostile.npy import npy_cases, npz_cases
from tests.helpers.hostile.pictures import picture_cases
from tests.helpers.hostile.safetensors import safetensors_cases
from tests.helpers.hostile.text import text_cases


def all_cases() -> list[Case]:
    stored = [*npy_cases(), *npz_cases(), *safetensors_cases()]
    return [*stored, *text_cases(), *picture_cases(), *name_cases()]


def name_cases() -> list[Case]:
    """Good contents under names that must neither be opened as addresses nor break a message."""
    names = ("new\nline.csv", "[red]a.csv", "-o", "%s{0}.csv", "a" * 251 + ".csv", "é ü.csv")
    good = [Case(name, b"1,2\n3,4\n", reads=((2, 2), "int64")) for name in names]
    return [*good, Case("bad\nname.csv", b"x", refused="no number")]


def make(folder: Path, cases: list[Case]) -> None:
    """Write every case's file into the folder."""
    for case in cases:
        (folder / case.name).write_bytes(case.data)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    corpus = all_cases()
    make(target, corpus)
    expected = {case.name: case.refused or f"reads as {case.reads}" for case in corpus}
    print(json.dumps(expected, indent=1))
