"""Every hostile file is read properly or refused in one line, in bounded memory, without noise."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.helpers.hostile.case import Case
from tests.helpers.hostile.make_corpus import all_cases, make
from tests.helpers.program import PROJECT

CASES = all_cases()


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("corpus")
    make(folder, CASES)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.helpers.hostile.walk", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,  # a hang is the failure meant here, not slowness
        env={"PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "stderr": done.stderr}


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.name)[1:-1][:60])
def test_reads_or_is_refused_in_one_line(case: Case, walked: dict[str, Any]) -> None:
    found = walked["found"][case.name]
    if case.reads is not None:
        assert found == {"shape": list(case.reads[0]), "dtype": case.reads[1]}
        return
    message = found.get("refused", f"read as {found}")
    assert message.startswith(case.name)
    assert case.refused is not None
    assert case.refused in message
    said = message.removeprefix(case.name)
    assert "\n" not in said
    assert len(said) < 300
    assert "allow_pickle" not in said
    assert "Traceback" not in said
    assert "object at 0x" not in said
    assert "<_io" not in said


def test_nothing_is_written_to_stderr(walked: dict[str, Any]) -> None:
    assert walked["stderr"] == ""


def test_memory_stays_small(walked: dict[str, Any]) -> None:
    assert walked["peak_kib"] < 600 * 1024
