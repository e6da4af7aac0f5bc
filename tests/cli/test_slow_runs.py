"""What a person sees of a run that takes long: how far it is, and what came of it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from program import HANGS, PROJECT, Outcome, on_a_terminal

Run = Callable[..., Outcome]

# Every run is slow, as after half of its work it waits until the bar has shown that.
SLOW = """
import sys, time
from poolcli.cli import main, runner
runner.SLOW = 0.0
tick, told = runner.RunReporter.tick, [0.0]

def wait(self, job, part):
    tick(self, job, part)
    told[0] += part
    if part and not 0.5 < told[0] < 0.5 + 2 * part:
        return
    deadline = time.monotonic() + 60
    while self._bar._live is None and time.monotonic() < deadline:
        time.sleep(0.01)
    self._bar._live.refresh()

runner.RunReporter.tick = wait
main()
"""
# Every run stops after half of its work, and says so on standard output.
STOPPED = """
import sys, time
from poolcli.cli import main, runner
tick, told = runner.RunReporter.tick, [0.0]

def wait(self, job, part):
    tick(self, job, part)
    told[0] += part
    if told[0] > 0.5:
        print("half", flush=True)
        time.sleep(1000)

runner.RunReporter.tick = wait
main()
"""
BAR = re.compile(r"(\d+) %, ([\d.]+) of ([\d.]+) MB  [\d.]+ MB/s  [-\d]:[-\d]{2}:[-\d]{2} left")


def visible(shown: str) -> str:
    """Leave out what moves the cursor and sets colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


@pytest.fixture(autouse=True)
def large() -> None:
    np.save("x.npy", np.zeros((12000, 2000), np.uint8))


@pytest.mark.parametrize("output", [["-o", "y.npy"], ["-o", "y/"], ["-o", "y.png"], []])
def test_one_slow_file_shows_a_bar_and_then_its_report(output: list[str]) -> None:
    arguments = ("max", "-k", 2, "x.npy", "--threads", 1, *output)
    code, shown = on_a_terminal(*arguments, program=("-c", SLOW), stdout=True)
    text = visible(shown)
    assert code == 0, text
    percents = [(int(a), float(b), float(c)) for a, b, c in BAR.findall(text)]
    assert any(0 < percent < 100 for percent, _, _ in percents)
    assert all(total == 24.0 and done <= total for _, done, total in percents)
    assert "files" not in text
    report = [line for line in re.split(r"[\r\n]+", text) if "max 2×2 stride 2" in line]
    assert len(report) == 1
    assert report[0].startswith("x.npy  12000×2000 HW uint8")
    assert not output or report[0].rstrip().endswith(
        f"(written to {output[1].rstrip('/')}" + ("/x.npy)" if output[1] == "y/" else ")")
    )
    assert shown.rindex(" left") < shown.rindex("\x1b[2K")  # nothing of the bar stays


def test_a_slow_folder_of_one_file(poolcli: Run) -> None:
    Path("in").mkdir()
    Path("x.npy").rename("in/x.npy")
    code, shown = on_a_terminal("max", "-k", 2, "in", "-o", "out/", program=("-c", SLOW))
    text = visible(shown)
    assert (code, "0/1 files" in text) == (0, False)
    assert BAR.search(text)
    assert "(written to out/x.npy)" in text
    assert re.search(r"poolcli: 1 done in [\d.]+ s \([\d.]+ MB/s\)", text)


def test_a_quick_run_and_a_quiet_one_show_no_bar() -> None:
    _, shown = on_a_terminal("max", "-k", 2, "x.npy", "-o", "y.npy")
    assert " left" not in shown
    assert shown.count("\n") == 1
    quiet = SLOW.replace("self._bar._live is None", "False").replace(
        "self._bar._live.refresh()", ""
    )
    code, shown = on_a_terminal("max", "-k", 2, "x.npy", "-o", "z.npy", "-q", program=("-c", quiet))
    assert (code, shown) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("output", [["-o", "y.npy"], []])
def test_one_slow_file_that_is_stopped_says_how_far_it_came(
    output: list[str], number: int, code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, "max", "-k", "2", "x.npy", *output, "--threads", "1"],
        env={"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"half\n"
        program.send_signal(number)
        _, err = program.communicate(timeout=HANGS)
    assert program.returncode == code
    found = re.fullmatch(r"poolcli: interrupted at (\d+) %, ([\d.]+) of 24.0 MB\n", err.decode())
    assert found is not None, err
    assert 50 <= int(found[1]) < 100
    assert not Path("y.npy").exists()
