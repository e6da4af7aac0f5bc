"""What outputs are called, what becomes of those that exist, and what is said beforehand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from tests.helpers.folders import NOTES, contents, fill, save
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]


def names(folder: str = "out") -> list[str]:
    return list(contents(Path(folder)))


@pytest.mark.parametrize("flag", ["--to", "--format", "-f"])
def test_another_format(poolcli: Run, flag: str) -> None:
    fill(Path("in"), 7)
    assert poolcli("max", "-k", 2, "in", "-o", "out/", flag, "npz").code == 0
    assert names() == [f"in{number:03}.npz" for number in range(7)]
    assert np.load("out/in004.npz")["a"].shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("template", "options", "expected"),
    [
        ("{stem}_small{ext}", [], ["a_small.png", "b c_small.PNG"]),
        ("{stem}_small{ext}", ["--to", "tif"], ["a_small.tif", "b c_small.tif"]),
        ("{parent}-{op}-{n:04}{ext}", [], ["in-max-0001.png", "in-max-0002.PNG"]),
        ("{n}.bmp", [], ["1.bmp", "2.bmp"]),
        ("{stem}/x{ext}", [], ["a/x.png", "b c/x.PNG"]),
        ("{{{stem}}}{ext}", [], ["{a}.png", "{b c}.PNG"]),
        ("./{stem}{ext}", [], ["a.png", "b c.PNG"]),
        ("-{stem}{ext}", [], ["-a.png", "-b c.PNG"]),
    ],
)
def test_templates(poolcli: Run, template: str, options: list[str], expected: list[str]) -> None:
    save(Path("in", "a.png"))
    save(Path("in", "b c.png")).rename("in/b c.PNG")
    outcome = poolcli("max", "-k", 2, "in", "-o", "out/", "--name-template", template, *options)
    assert outcome.code == 0, outcome.err
    assert names() == expected
    for name in expected:
        assert imageio.imread(Path("out", name).read_bytes()).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{stem.__class__}{ext}", "{stem.__class__} is unknown"),
        ("{stem[0]}{ext}", "{stem[0]} is unknown"),
        ("{stem!r}{ext}", "{stem!r} is unknown"),
        ("{width}{ext}", "{width} is unknown; use {stem}, {array}, {ext}, {parent}, {op}, {n}"),
        ("{}{ext}", "{} is unknown"),
        ("{stem:>9999999999}{ext}", "means nothing"),
        ("{n:4}{ext}", "means nothing"),
        ("{stem", "expected '}' before end of string; write {{ for a brace"),
        ("../{stem}{ext}", "names no file in the output folder"),
        ("{stem}/../../{stem}{ext}", "names no file in the output folder"),
        ("/tmp/{stem}{ext}", "names no file in the output folder"),
        ("{stem}{ext}/", "names no file in the output folder"),
        ("", "names no file in the output folder"),
        ("same{ext}", "would be written for both"),
    ],
)
def test_templates_that_are_refused(poolcli: Run, template: str, said: str) -> None:
    fill(Path("in"), 8)
    code, out, err = poolcli("max", "-k", 2, "in", "-o", "out/", "--name-template", template)
    assert (code, out) == (2, b"")
    assert said in err
    assert not Path("out").exists()


def test_arrays_of_one_archive_have_names_of_their_own(poolcli: Run) -> None:
    arrays = {"one": np.zeros((4, 4)), "deep/two": np.ones((4, 4)), "../up": np.ones(4)}
    np.savez("maps.npz", **arrays)
    both = ("maps.npz:one", "maps.npz:deep/two.npy", "-o", "out/", "--to", "npy")
    code, _, err = poolcli("max", "-k", 2, *both)
    assert (code, Path("out").exists()) == (2, False)
    assert err.endswith("; --name-template '{stem}_{array}{ext}' tells arrays apart\n")
    template = ("--name-template", "{stem}_{array}{ext}")
    assert poolcli("max", "-k", 2, *both, *template).code == 0
    assert names() == ["maps_deep/two.npy", "maps_one.npy"]
    template = ("--name-template", "{array}{ext}")
    refused = poolcli("max", "-k", 2, "maps.npz:../up", "-o", "out/", *template)
    assert "names no file in the output folder" in refused.err


def test_a_template_names_positions_too(poolcli: Run) -> None:
    save(Path("in", "a.png"))
    options = ("--indices", "where/", "--name-template", "{stem}_x{ext}")
    assert poolcli("max", "-k", 2, "in", "-o", "out/", *options).code == 0
    assert (names("out"), names("where")) == (["a_x.png"], ["a_x.npy"])


def test_existing_outputs_stop_the_run_before_it_begins(poolcli: Run) -> None:
    fill(Path("in"), 7)
    save(Path("out", "in006.gif"), number=99)
    before = contents(Path("out"))
    code, _, err = poolcli("max", "-k", 2, "in", "-o", "out/")
    assert code == 2
    assert err == (
        "poolcli: out/in006.gif: exists; --overwrite replaces it, --skip-existing keeps it, "
        "--resume does what is left of an earlier run\n"
    )
    assert contents(Path("out")) == before
    assert not Path("out", NOTES).exists()


def test_existing_outputs_are_kept_or_replaced_as_told(poolcli: Run) -> None:
    fill(Path("in"), 7)
    old = save(Path("out", "in006.gif"), number=99).read_bytes()
    outcome = poolcli("max", "-k", 2, "in", "-o", "out/", "--skip-existing")
    assert (outcome.code, len(names())) == (0, 7)
    assert outcome.err.splitlines()[-1] == "poolcli: 6 done, 1 skipped"
    assert Path("out/in006.gif").read_bytes() == old
    assert poolcli("max", "-k", 2, "in", "-o", "out/", "--overwrite").code == 0
    assert Path("out/in006.gif").read_bytes() != old


def test_a_single_output_is_skipped_too(poolcli: Run) -> None:
    save(Path("a.npy"))
    Path("b.npy").write_text("mine")
    assert poolcli("max", "-k", 2, "a.npy", "-o", "b.npy", "--skip-existing") == (0, b"", "")
    assert Path("b.npy").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("-o out/ --skip-existing --overwrite", "--skip-existing and --overwrite contradict"),
        ("-o out/ --skip-existing --resume", "--skip-existing and --resume contradict"),
        ("--skip-existing", "--skip-existing needs outputs that can exist"),
        ("-o - --skip-existing", "--skip-existing needs outputs that can exist"),
        ("-o out.npy --resume", "--resume goes on with a folder of results"),
        ("--resume", "--resume goes on with a folder of results"),
        ("-o out.npy --name-template {stem}{ext}", "--name-template names files in a folder"),
        ("--max-memory lots", "--max-memory lots: give bytes, such as 500M or 2G"),
        ("--max-memory 0", "--max-memory 0: give bytes"),
        ("--jobs 0", "0 is not in the range"),
        ("-o out/ --to xyz", "extension '.xyz' is unknown"),
    ],
)
def test_contradictions(poolcli: Run, arguments: str, said: str) -> None:
    save(Path("a.npy"))
    code, out, err = poolcli("max", "-k", 2, "a.npy", *arguments.split())
    assert (code, out) == (2, b"")
    assert said in err
    assert sorted(path.name for path in Path().iterdir()) == ["a.npy"]


@pytest.mark.parametrize("options", [[], ["--overwrite"], ["--resume", "--overwrite"]])
def test_an_output_that_is_another_input(poolcli: Run, options: list[str]) -> None:
    save(Path("a.npy"), 1)
    save(Path("out", "a.npy"), 2)
    before = contents(Path())
    for order in (["a.npy", "out/a.npy"], ["out/a.npy", "a.npy"]):
        both = [*order, "-o", "out/", "--name-template", "{stem}{ext}", *options]
        assert poolcli("max", "-k", 2, *both).code == 2  # two inputs for one output
    Path("b.npy").write_bytes(Path("out/a.npy").read_bytes())
    Path("out/b.npy").symlink_to("../a.npy")
    code, _, err = poolcli("max", "-k", 2, "a.npy", "b.npy", "-o", "out/", *options)
    assert code == 2
    if options:
        assert "out/b.npy: would be replaced by the result for b.npy, and is the input a.npy" in err
    assert Path("a.npy").read_bytes() == before["a.npy"]


def test_two_names_of_one_output(poolcli: Run) -> None:
    for name in ("a.npy", "b.npy"):
        save(Path("in", name))
        Path("out").mkdir(exist_ok=True)
        Path("out", name).symlink_to("same.npy")
    Path("out", "same.npy").write_text("mine")
    code, _, err = poolcli("max", "-k", 2, "in", "-o", "out/", "--overwrite")
    assert (code, Path("out", "same.npy").read_text()) == (2, "mine")
    assert err == "poolcli: out/b.npy: would be written for both in/a.npy and in/b.npy\n"


def test_an_output_that_is_a_folder_of_another(poolcli: Run) -> None:
    save(Path("in", "x.png"))
    save(Path("in", "x.npy", "deep", "y.npy"))
    code, _, err = poolcli("max", "-k", 2, "-r", "in", "-o", "out/", "--to", "npy")
    assert (code, Path("out").exists()) == (2, False)
    assert err == (
        "poolcli: out/x.npy: would be a file for in/x.png and a folder for in/x.npy/deep/y.npy\n"
    )


def test_a_dry_run_says_what_a_run_does(poolcli: Run) -> None:
    fill(Path("in"), 14)
    save(Path("in", "deep", "x.npy"))
    arguments = ("max", "-k", 2, "-r", "in", "-o", "out/", "--to", "npz")
    planned = poolcli(*arguments, "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    assert not Path("out").exists()
    done = poolcli(*arguments)
    lines = done.err.splitlines()[:-1]
    told = [re.sub(r"# (\S+)  (.*)  \(written to (.*)\)", r"\1 -> \3  \2", line) for line in lines]
    assert planned.text.splitlines() == told
    assert planned.text.startswith(
        "in/in000.npy -> out/in000.npz  16x16x3 HWC float32 -> 8x8x3 float32  "
        "max 2x2 stride 2 over HW\n"
    )


def test_a_dry_run_as_json(poolcli: Run) -> None:
    save(Path("a.png"))
    line = json.loads(poolcli("avg", "-k", 2, "a.png", "-o", "out/", "--dry-run", "--json").out)
    assert line["would_write"] == "out/a.png"
    assert line["output"] == {"shape": [8, 8, 3], "dtype": "uint8", "layout": "HWC"}
    assert "written" not in line
    line = json.loads(poolcli("avg", "-k", 2, "a.png", "--dry-run", "--json").out)
    assert (line["would_write"], line["output"]["dtype"]) == (None, "float64")


def test_a_dry_run_finds_what_would_go_wrong(poolcli: Run) -> None:
    fill(Path("in"), 7)
    Path("in", "short.npy").write_bytes(Path("in", "in000.npy").read_bytes()[:-1])
    np.save("in/thin.npy", np.zeros((1, 9)))
    outcome = poolcli("max", "-k", 2, "in", "-o", "out/", "--dry-run")
    assert outcome.code == 1
    bad = [line.split(": ")[1] for line in outcome.err.splitlines()]
    assert bad == ["in/short.npy", "in/thin.npy"]
    assert poolcli("max", "-k", 2, "in", "-o", "out/").code == 1
    refused = poolcli("max", "-k", 2, "in/in004.npz", "-o", "x.png", "--dry-run")
    assert (refused.code, "holds several arrays" in refused.err) == (1, True)
    assert poolcli("max", "-k", 2, "-", "-o", "x.png", "--dry-run").code == 2


def test_a_dry_run_reads_no_values(poolcli: Run) -> None:
    """Headers that promise the right number of bytes are enough, whatever the bytes are."""
    save(Path("a.png"))
    picture = Path("a.png").read_bytes()
    start = picture.index(b"IDAT")
    Path("a.png").write_bytes(picture[: start + 8] + bytes(len(picture) - start - 8))
    outcome = poolcli("max", "-k", 2, "a.png", "-o", "out/", "--dry-run")
    assert (outcome.code, outcome.err) == (0, "")
    assert poolcli("max", "-k", 2, "a.png", "-o", "out/").code == 1


@pytest.mark.parametrize("output", [[], ["-o", "o.npy"]], ids=["in memory", "streamed"])
def test_a_window_that_does_not_fit_memory(poolcli: Run, output: list[str]) -> None:
    """An op that sees a window whole is refused; one that picks by rank counts, in any memory."""
    np.save("a.npy", np.zeros((1024, 1024), np.uint32))
    code, _, err = poolcli("global", "mode", "a.npy", "--max-memory", "4M", *output)
    assert code == 1
    assert re.fullmatch(
        r"poolcli: a.npy: a window, of which mode sees all cells at once, "
        r"needs [\d.]+ MiB of memory, "
        r"and 4.0 MiB are available\n",
        err,
    )
    code, _, err = poolcli("global", "median", "a.npy", "--max-memory", "4M", *output)
    assert code == 0, err
    assert [path.name for path in Path().iterdir()] == ["a.npy", *output[1:]]
