"""How a batch goes on: several at a time, past failures, within its memory, until it is told."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poolcli import batch, formats
from poolcli.batch.job import Task
from poolcli.batch.manifest import Manifest
from poolcli.batch.outputs import Target
from poolcli.batch.parallel import Budget
from poolcli.batch.worker import StartLatch
from poolcli.cli.runner import RunReporter
from poolcli.errors import OutputError, UsageError
from poolcli.outcomes import Result, Skipped, Stopped
from poolcli.request import Request
from tests.helpers.folders import KINDS, NOTES, contents, fill, save
from tests.helpers.program import HANGS, PROJECT, Outcome, finished, on_a_terminal, start

Run = Callable[..., Outcome]


def test_decoders_that_write_on_stderr_take_no_line_of_ours_with_them() -> None:
    for number in range(40):
        path = Path("in", f"a{number:02}.tif")
        save(path.with_suffix(".png"))
        with Image.open(path.with_suffix(".png")) as image:
            image.resize((256, 256)).save(path, compression="tiff_lzw")
        Path("in", f"b{number:02}.png").write_bytes(path.with_suffix(".png").read_bytes()[:90])
        path.with_suffix(".png").unlink()
    done = finished("max", "-k", 2, "in", "-o", "out/", "-j", 4)
    assert done.code == 1
    assert done.err.count("poolcli: in/b") == 40
    assert done.err.count("(written to out/a") == 40
    assert done.err.splitlines()[-1] == "poolcli: 40 done, 40 failed"


@pytest.fixture
def mixed() -> Path:
    """Give a folder of all kinds with three broken files and some that are no input."""
    folder = Path("in")
    fill(folder, 21)
    broken = folder / "broken.npy"
    broken.write_bytes((folder / "in000.npy").read_bytes()[:-7])
    (folder / "cut.jpg").write_bytes((folder / "in002.jpg").read_bytes()[:200])
    (folder / "words.csv").write_text("1,2\n3,four\n")
    (folder / "README.md").write_text("about")
    (folder / "program.py").write_text("print(1)")
    return folder


def test_a_mixed_folder_with_three_broken_files(mixed: Path, poolcli: Run) -> None:
    outcome = poolcli("avg", "-k", 2, mixed, "-o", "out/")
    assert outcome.code == 1
    complaints = [line for line in outcome.err.splitlines() if line.startswith("poolcli: in/")]
    assert [line.split(": ")[1] for line in complaints] == [
        "in/broken.npy",
        "in/cut.jpg",
        "in/words.csv",
    ]
    assert outcome.err.splitlines()[-1] == "poolcli: 21 done, 3 failed"
    assert list(contents(Path("out"))) == [f"in{n:03}{KINDS[n % 7]}" for n in range(21)]


def test_the_same_bytes_however_many_at_once(poolcli: Run) -> None:
    fill(Path("in"), 21)
    results = {}
    for jobs, memory in ((1, "1G"), (2, "1G"), (8, "1G"), (8, "1K")):
        out = Path(f"out{jobs}{memory}")
        options = ("-j", jobs, "--max-memory", memory if memory != "1K" else "1M")
        outcome = poolcli("avg", "-k", 3, "-s", 1, "in", "-o", f"{out}/", *options)
        assert outcome.code == 0, outcome.err
        results[out] = (contents(out), outcome.err.replace(str(out), "out"))
    first, *others = results.values()
    assert all(other == first for other in others)


def test_results_that_are_shown_come_in_order(poolcli: Run) -> None:
    for number in range(12):
        save(Path("in", f"{number:02}.npy"), number, side=64 if number == 0 else 4)
    shown = [poolcli("global", "max", "in", "-j", jobs).text for jobs in (1, 4)]
    assert shown[0] == shown[1]
    assert re.findall(r"in/(\d\d)", shown[0]) == [f"{number:02}" for number in range(12)]


def test_json_has_an_object_for_every_input(mixed: Path, poolcli: Run) -> None:
    save(Path("out", "in000.npy"))
    outcome = poolcli("avg", "-k", 2, mixed, "-o", "out/", "--json", "--skip-existing")
    records = {record["label"]: record for record in map(json.loads, outcome.out.splitlines())}
    archives = 3  # of two arrays each
    assert (outcome.code, len(outcome.out.splitlines())) == (1, 24 + archives)
    assert records["in/in000.npy"]["skipped"] == ["out/in000.npy"]
    assert "truncated" in records["in/broken.npy"]["error"]
    assert records["in/in001.png"]["written"] == "out/in001.png"
    assert "values" not in records["in/in001.png"]
    assert outcome.err.count("poolcli: in/") == 3


def test_json_comes_in_the_order_of_the_inputs(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        save(Path("in", f"{number}.npy"), number, side=4)
    Path("in", "5.npy").write_bytes(b"\x93NUMPY")
    module = sys.modules["poolcli.batch.run"]
    last, do, release = threading.Event(), module.do_task, [""]

    def reversed_pair(task: Task) -> Iterator[Any]:
        if task.job.input.label == release[0]:  # with 2 at work, others were told of before
            last.set()
        if task.job.input.label == "in/0.npy":
            assert last.wait(20)
        yield from do(task)

    monkeypatch.setattr(module, "do_task", reversed_pair)
    labels = [f"in/{number}.npy" for number in range(8)]
    for release[0], in_order in ("in/2.npy", True), ("in/6.npy", False):
        last.clear()
        options = ["--json"] if in_order else ["--json", "--unordered"]
        outcome = poolcli("max", "-k", 2, "in", "-j", 2, *options)
        records = [json.loads(line) for line in outcome.text.splitlines()]
        told = [record["label"] for record in records]
        assert (outcome.code, sorted(told)) == (1, labels)
        assert (told == labels, told.index("in/0.npy") == 0) == (in_order, in_order)
        assert [record.get("code") for record in records if "error" in record] == ["unreadable"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_fail_fast(poolcli: Run, jobs: int) -> None:
    for number in range(60):
        save(Path("in", f"{number:02}.npy"), number)
    Path("in", "05.npy").write_bytes(b"\x93NUMPY")
    outcome = poolcli("avg", "-k", 2, "in", "-o", "out/", "--fail-fast", "-j", jobs)
    assert outcome.code == 1
    done = len(contents(Path("out")))
    assert 5 <= done < 30
    assert outcome.err.splitlines()[-1] == f"poolcli: {done} done, 1 failed, {59 - done} not done"


def test_what_is_too_large_for_the_memory_is_refused_and_the_rest_goes_on(poolcli: Run) -> None:
    save(Path("in", "small.png"))
    save(Path("in", "large.png"), side=1024)
    outcome = poolcli("avg", "-k", 2, "in", "-o", "out/", "--max-memory", "4M")
    assert (outcome.code, list(contents(Path("out")))) == (1, ["small.png"])
    assert "poolcli: in/large.png: it needs" in outcome.err


@pytest.mark.parametrize("output", ["o.npz", "-", "o.csv", None])
def test_a_result_that_is_too_large_for_the_memory_is_refused_beforehand(
    poolcli: Run, output: str | None
) -> None:
    np.save("a.npy", np.zeros((2048, 2048), np.uint8))
    arguments = ("max", "-k", 2, "a.npy", "--max-memory", "500K")
    outcome = poolcli(*arguments, *(() if output is None else ("-o", output)))
    assert (outcome.code, outcome.out) == (1, b"")
    assert outcome.err == (
        "poolcli: a.npy: its result needs 1.0 MiB of memory, and 512000 bytes are available; "
        "-o FILE.npy writes it block by block\n"
    )
    assert poolcli(*arguments, "-o", "o.npy").code == 0


def test_results_of_one_archive_share_the_memory(poolcli: Run) -> None:
    np.savez("a.npz", **{name: np.zeros((2048, 2048), np.uint8) for name in "abc"})
    outcome = poolcli("max", "-k", 2, "a.npz", "-o", "o.npz", "--max-memory", "5M")
    assert outcome.code == 0
    outcome = poolcli("avg", "-k", 2, "-s", 1, "a.npz", "-o", "p.npz", "--max-memory", "64M")
    assert outcome.code == 1
    assert "poolcli: a.npz:c: its result, with those before it, needs 95.9 MiB" in outcome.err
    with np.load("p.npz") as written:
        assert list(written) == ["a", "b"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("std", "-k", 2, "--ddof", -1),
        ("quantile", "-k", 2, "--q", 2),
        ("max", "-k", 2, "-l", "HWX"),
        ("chain", "avg 2 | std 2 ddof=-1"),
        ("global", "lp", "--norm", 0),
    ],
)
@pytest.mark.parametrize("names", [["a.npy", "b.npy"], ["a.csv", "b.csv"], ["a.npz", "b.png"]])
@pytest.mark.parametrize("jobs", [1, 2])
def test_usage_is_wrong_before_anything_is_made(
    poolcli: Run, arguments: tuple[object, ...], names: list[str], jobs: int
) -> None:
    for name in names:
        save(Path("in", name))
    Path("in", "0.npy").write_bytes(b"nothing")  # of which nothing can be told
    code, out, err = poolcli(*arguments, "in", "-o", "out/", "-j", jobs)
    assert (code, out, err.count("\n")) == (2, b"", 1), err
    assert not Path("out").exists()
    code, _, _ = poolcli(*arguments, Path("in", names[0]), "-o", "out/deep.npz")
    assert code == 2
    assert not Path("out").exists()


@pytest.mark.parametrize("options", [["-o", "out/"], ["-o", "out/", "-j", 1], [], ["-j", 1]])
def test_usage_that_is_wrong_for_a_later_input_is_an_error_of_that(
    poolcli: Run, options: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        save(Path("in", f"a{number}.csv"))
    np.save("in/b.npy", np.zeros(8))
    save(Path("in", "c.csv"))
    plan = Request.plan

    def refuse_one_axis(self: Request, shape: tuple[int, ...], *more: Any) -> Any:
        if len(shape) == 1:
            raise UsageError("size 2: means nothing here")
        return plan(self, shape, *more)

    monkeypatch.setattr(Request, "plan", refuse_one_axis)
    code, _, err = poolcli("max", "-k", 2, "in", *options)
    assert code == 1
    complaint = [line for line in err.splitlines() if line.startswith("poolcli: in/")]
    assert len(complaint) == 1
    assert complaint[0].startswith("poolcli: in/b.npy: size 2: means nothing here")
    if "-o" in options:
        assert len(contents(Path("out"))) == 5


def test_either_something_is_made_or_the_run_is_refused() -> None:
    for _ in range(50):
        latch, came = StartLatch(), []

        def make(latch: StartLatch = latch, came: list[str] = came) -> None:
            try:
                latch.make()
                came.append("made")
            except Stopped:
                came.append("stopped")

        maker = threading.Thread(target=make)
        maker.start()
        refused = latch.refuse()
        maker.join()
        assert came == ["stopped" if refused else "made"]


def test_few_descriptors_make_few_jobs_at_once() -> None:
    fill(Path("in"), 140, side=4)
    done = finished(
        *("avg", "-k", 2, "in", "-o", "out/", "-j", 64, "--resume"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48)),
    )
    assert (done.code, done.err.splitlines()[-1]) == (0, "poolcli: 140 done")


def test_what_keeps_the_manifest_from_being_read_is_no_end_of_the_run(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(Path("in"), 14)
    Path("in", "in000.npy").write_bytes(b"\x93NUMPY")

    def no_more(*_: object, **__: object) -> None:
        raise OutputError("Too many open files")

    monkeypatch.setattr(formats, "write_archive", no_more)
    began = Manifest.begin

    def begin(self: Manifest, **named: bool) -> None:
        began(self, **named)
        monkeypatch.setattr(Manifest, "refresh", no_more)

    monkeypatch.setattr(Manifest, "begin", begin)
    outcome = poolcli("avg", "-k", 2, "in", "-o", "out/")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (1, "poolcli: 11 done, 3 failed")


def test_jobs_that_another_run_has_done_meanwhile_are_not_left(tmp_path: Path) -> None:
    jobs = batch.assign(batch.find_inputs([str(p) for p in fill(Path("in"), 7)]), Target("out/"))
    values: dict[str, object] = {"quiet": False, "as_json": False}
    reporter = RunReporter(jobs, values, is_batch=True)
    for number, job in enumerate(jobs):
        reporter.end(job, Skipped if number < 5 else Result)
    assert reporter._summary(None) == "2 done, 5 skipped"


def test_a_budget_lets_in_what_fits_and_in_order() -> None:
    budget = Budget(100)
    inside: list[int] = []
    most = 0
    lock = threading.Lock()
    needs = [60, 60, 30, 500, 10, 10, 100, 0, 70]

    def work(number: int) -> None:
        nonlocal most
        budget.take(number, needs[number])
        with lock:
            inside.append(number)
            held = sum(needs[n] for n in inside)
            assert held <= 100 or len(inside) == 1
            most = max(most, len(inside))
        time.sleep(0.01)
        with lock:
            inside.remove(number)
        budget.give_back(needs[number])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(needs))]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.join(10)
    assert inside == []
    assert most > 1


def test_a_budget_that_is_over_lets_nobody_wait() -> None:
    budget = Budget(1)
    budget.take(0, 1)
    failures: list[Exception] = []

    def wait() -> None:
        try:
            budget.take(1, 1)
        except Stopped as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    budget.stop()
    thread.join(10)
    assert len(failures) == 1


def test_the_need_of_a_job_is_about_what_it_takes(poolcli: Run) -> None:
    from poolcli.batch.job import Task
    from poolcli.batch.parallel import estimate_memory
    from poolcli.geometry import Sliding
    from poolcli.request import Request

    save(Path("in", "a.png"), side=2000)
    np.save("in/b.npy", np.zeros((2000, 2000)))
    save(Path("in", "c.gif"), side=500)
    Path("in", "d.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    jobs = batch.assign(batch.find_inputs(["in"]), batch.Target("out/"))
    worker = batch.Worker(Request("avg", Sliding(2)), {})
    needs = [estimate_memory(Task(job, worker)) / 1e6 for job in jobs]
    decoded = 2000 * 2000 * 3 / 1e6
    assert 3 * decoded < needs[0] < 4 * decoded
    assert needs[1] < 10  # it goes from file to file
    assert 0 < needs[2] < decoded
    assert needs[3] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_signals_end_a_batch_and_are_reported(number: int, code: int, jobs: int) -> None:
    for index in range(300):
        save(Path("in", f"{index:03}.npy"), index)
    np.save("in/zz.npy", np.zeros((1500, 1500)))  # so that it cannot be over
    with start("avg", "-k", 3, "-s", 1, "in", "-o", "out/", "-j", jobs) as program:
        assert program.stderr is not None
        for _ in range(20):
            assert program.stderr.readline().startswith(b"# in/")
        program.send_signal(number)
        _, rest = program.communicate()
    assert program.returncode == code
    last = rest.decode().splitlines()[-1]
    done, left = re.fullmatch(r"poolcli: interrupted: (\d+) done, (\d+) not done", last).groups()
    outputs = contents(Path("out"))
    assert all(not name.endswith(".tmp") for name in outputs)
    assert len(outputs) >= int(done) >= 19
    assert int(done) + int(left) == 301
    for name in outputs:
        assert np.load(Path("out", name)).ndim in (2, 3)


# Steps of a job that never end, as a sort of very many cells hardly does; each says that it began.
STUCK = """
import sys, time
from poolcli.chains import ChainPlan
from poolcli.cli import main
from poolcli.formats import npy

write_all = npy.write_all

def never_ends(*_, **__):
    print("begun", flush=True)
    time.sleep(1000)

def half(stream, data):
    write_all(stream, memoryview(data)[:16])
    never_ends()

if sys.argv.pop(1) == "pooling":
    ChainPlan.run = never_ends
else:
    npy.write_all = half
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("step", ["pooling", "writing"])
def test_jobs_that_never_notice_are_left_behind(step: str, number: int, code: int) -> None:
    fill(Path("in"), 2)
    arguments = ["chain", "avg 2 | max 2", "in", "-j", "2", "-o", "out/", "--to", "npy"]
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, step, *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"begun\n"
        program.send_signal(number)
        _, err = program.communicate(timeout=HANGS)
    assert program.returncode == code
    assert err.decode() == "poolcli: interrupted: 0 done, 2 not done\n"
    assert [path.name for path in Path("out").iterdir()] == [NOTES]


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    for index in range(100):
        save(Path("in", f"{index:03}.npy"), index, side=64)
    with start("avg", "-k", 2, "in") as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


def test_a_bar_on_a_terminal(mixed: Path) -> None:
    code, shown = on_a_terminal("avg", "-k", 2, mixed, "-o", "out/")
    assert code == 1
    assert "/24 files" in shown
    assert re.search(r"[\d.]+ files/s  [\d.]+ MB/s  [-\d]:[-\d]{2}:[-\d]{2} left", shown)
    assert shown.count("poolcli: in/") == 3
    assert "# in/" not in shown
    summary = shown.rstrip().splitlines()[-1]
    rates = r"\([\d.]+ files/s, [\d.]+ MB/s\)"
    assert re.search(rf"21 done, 3 failed in [\d.]+ s {rates}; written to out/$", summary)
    _, shown = on_a_terminal("avg", "-k", 3, mixed, "-o", "new/")
    summary = shown.rstrip().splitlines()[-1]
    assert summary.endswith("; written to new/; rows or columns dropped in 24")


@pytest.mark.parametrize("options", [["-q"], ["--dry-run"]])
def test_no_bar_where_nothing_is_to_be_said(mixed: Path, options: list[str]) -> None:
    _, shown = on_a_terminal("avg", "-k", 2, mixed, "-o", "out/", *options)
    assert "files/s" not in shown
    assert shown.count("\n") == 3


def test_no_bar_anywhere_else(mixed: Path) -> None:
    err = finished("avg", "-k", 2, mixed, "-o", "out/").err
    assert "\x1b" not in err
    assert "files/s" not in err
    assert err.count("\n") == 21 + 3 + 3 + 1  # results (two of each .npz), complaints, summary


@pytest.mark.parametrize("output", ["o.npz", "out/"])
def test_a_bad_array_does_not_keep_back_the_others(poolcli: Run, output: str) -> None:
    maps = {"one": np.eye(4), "s": np.ones((1, 3)), "t": np.eye(1), "two": np.ones((4, 4))}
    np.savez("maps.npz", **maps)
    code, _, err = poolcli("max", "-k", 2, "maps.npz", "-o", output)
    assert code == 1
    bad = [line for line in err.splitlines() if line.startswith("poolcli: maps.npz:")]
    assert [line.split(": ")[1] for line in bad] == ["maps.npz:s", "maps.npz:t"]
    with np.load("o.npz" if output == "o.npz" else "out/maps.npz") as written:
        assert {name: written[name].shape for name in written} == {"one": (2, 2), "two": (2, 2)}


def test_a_bad_array_does_not_keep_back_those_that_are_shown(poolcli: Run) -> None:
    np.savez("maps.npz", s=np.eye(1), two=np.ones((4, 4)))
    code, out, err = poolcli("max", "-k", 2, "maps.npz")
    assert (code, out.splitlines()[-1], err.count("\n")) == (1, b"1.0 1.0", 1)
    code, out, err = poolcli("max", "-k", 2, "maps.npz", "-o", "-")
    assert (code, out[:6], err.count("\n")) == (1, b"\x93NUMPY", 1)


def test_a_dry_run_tells_the_other_arrays_too(poolcli: Run) -> None:
    np.savez("maps.npz", s=np.eye(1), two=np.ones((4, 4)))
    code, out, err = poolcli("max", "-k", 2, "maps.npz", "-o", "o.npz", "--dry-run")
    assert (code, out.count(b"\n"), err.count("\n")) == (1, 1, 1)
    assert out.startswith(b"maps.npz:two -> o.npz")


def test_an_archive_of_bad_arrays_gives_none(poolcli: Run) -> None:
    np.savez("maps.npz", s=np.array(3))
    assert poolcli("max", "-k", 2, "maps.npz", "-o", "o.npz").code == 1
    assert not Path("o.npz").exists()
