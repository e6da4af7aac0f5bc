"""Which files a batch takes: folders with what is below them, lists, and names of any kind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli import batch, formats
from poolcli.errors import InputError
from tests.helpers.folders import contents, fill, pixels, save
from tests.helpers.program import PROJECT, Outcome, finished

Run = Callable[..., Outcome]

NAMES = [
    "a b.npy",
    "-k.npy",
    "--help.npy",
    "a\nb.npy",
    "a\tb.npy",
    "ä→漢.npy",
    "e\u0301.npy",
    "\udcff\udc80.npy",
    "[x]*?.npy",
    "{stem}.npy",
    "%d.npy",
    "a:b.npy",
    "'\"$HOME`.npy",
    "\x1b[31m.npy",
    "n" * 251 + ".npy",
]


def planes(folder: str) -> dict[str, list[int]]:
    """Give the shapes of the arrays in a folder of .npy files."""
    found = Path(folder).rglob("*.npy")
    return {str(path.relative_to(folder)): list(np.load(path).shape) for path in found}


@pytest.mark.parametrize("how", ["named", "folder", "lines", "nul"])
@pytest.mark.parametrize("name", NAMES)
def test_names(poolcli: Run, name: str, how: str) -> None:
    save(Path("in", name))
    if how == "lines" and "\n" in name:
        how = "nul"  # what lines cannot say
    given = [os.path.join("in", name)]
    if how == "folder":
        given = ["in"]
    elif how != "named":
        end = b"\n" if how == "lines" else b"\0"
        Path("list").write_bytes(os.fsencode(given[0]) + end)
        given = ["--files-from", "list"]
    outcome = poolcli("avg", "-k", 2, "-o", "out/", *given)
    assert outcome.code == 0, outcome.err
    assert planes("out") == {name: [8, 8, 3]}
    assert outcome.err.count("\n") <= 2  # a report line, and a summary of a folder
    assert all(character.isprintable() or character == "\n" for character in outcome.err)


@pytest.mark.parametrize("name", ["-k.npy", "--help.npy"])
def test_names_that_look_like_options(poolcli: Run, name: str) -> None:
    save(Path(name))
    assert poolcli("avg", "-k", 2, "-o", "out/", "--", name).code == 0
    assert planes("out") == {name: [8, 8, 3]}


def test_a_list_on_standard_input(poolcli: Run) -> None:
    for name in ("a.npy", "b c.npy"):
        save(Path(name))
    outcome = poolcli("avg", "-k", 2, "--files-from", "-", "-o", "out/", stdin=b"a.npy\nb c.npy")
    assert (outcome.code, sorted(planes("out"))) == (0, ["a.npy", "b c.npy"])
    outcome = poolcli("avg", "-k", 2, "--files-from", "-", "--json", stdin=b"b c.npy\0a.npy\0")
    assert outcome.out.count(b"\n") == 2


def test_a_list_beside_named_inputs_may_name_folders(poolcli: Run) -> None:
    save(Path("a.npy"))
    save(Path("in", "b.npy"))
    Path("list").write_text("in\n\n")
    assert poolcli("avg", "-k", 2, "a.npy", "--files-from", "list", "-o", "out/").code == 0
    assert sorted(planes("out")) == ["a.npy", "b.npy"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--files-from missing", "--files-from missing: No such file or directory"),
        ("--files-from empty", "--files-from empty: names no file"),
        ("--files-from .", "--files-from .: Is a directory"),
        ("- --files-from -", "- is named twice"),
    ],
)
def test_lists_that_are_none(poolcli: Run, arguments: str, said: str) -> None:
    Path("empty").write_bytes(b"\n\n")
    code, out, err = poolcli("avg", "-k", 2, *arguments.split())
    assert (code, out) == (2, b"")
    assert err.startswith(f"poolcli: {said}")


def test_a_name_in_a_list_that_is_no_input(poolcli: Run) -> None:
    save(Path("a.npy"))
    Path("notes.txt").write_text("not numbers")
    Path("list").write_text("a.npy\nnotes.txt\n*.npy\n")
    outcome = poolcli("avg", "-k", 2, "--files-from", "list", "-o", "out/")
    assert (outcome.code, sorted(planes("out"))) == (1, ["a.npy"])
    assert "poolcli: notes.txt: " in outcome.err
    assert "poolcli: *.npy: No such file or directory\n" in outcome.err


def test_without_recursion_only_the_folder_itself(poolcli: Run) -> None:
    for place in ("in/a.npy", "in/deep/b.npy", "in/.hidden/c.npy", "in/.d.npy"):
        save(Path(place))
    assert poolcli("avg", "-k", 2, "in", "-o", "out/").code == 0
    assert sorted(planes("out")) == ["a.npy"]


def test_a_tree_is_mirrored(poolcli: Run) -> None:
    places = ["a.npy", "deep/a.npy", "deep/er/a.npy", "other one/a.npy"]
    for place in (*places, ".hidden/c.npy", "deep/.d.npy"):
        save(Path("in", place))
    Path("in", "empty").mkdir()
    Path("in", "deep", "notes.md").write_text("passed over")
    outcome = poolcli("avg", "-k", 2, "-r", "in", "-o", "out/")
    assert outcome.code == 0, outcome.err
    assert sorted(planes("out")) == sorted(places)
    assert not Path("out", "empty").exists()
    assert outcome.err.splitlines()[-1] == "poolcli: 4 done"


def test_two_trees_with_one_name(poolcli: Run) -> None:
    for place in ("in/x/a.npy", "too/x/a.npy"):
        save(Path(place))
    code, _, err = poolcli("avg", "-k", 2, "-r", "in", "too", "-o", "out/")
    assert code == 2
    assert err == (
        "poolcli: out/x/a.npy: would be written for both in/x/a.npy and too/x/a.npy; "
        "--name-template '{stem}_{n}{ext}' tells them apart\n"
    )
    assert not Path("out").exists()


def test_links_are_followed_and_loops_end(poolcli: Run) -> None:
    save(Path("elsewhere", "c.npy"))
    save(Path("in", "deep", "a.npy"))
    Path("in", "b.npy").symlink_to(Path("deep", "a.npy"))
    Path("in", "self").symlink_to("self")
    Path("in", "deep", "up").symlink_to("..")
    Path("in", "again").symlink_to("deep")
    Path("in", "there").symlink_to(Path("..", "elsewhere"))
    Path("elsewhere", "back").symlink_to(Path("..", "in"))
    Path("in", "broken.npy").symlink_to("nowhere")
    outcome = poolcli("avg", "-k", 2, "-r", "in", "-o", "out/")
    assert sorted(planes("out")) == ["b.npy", "deep/a.npy", "there/c.npy"]
    assert outcome.code == 1
    failed = [line for line in outcome.err.splitlines() if "in/broken.npy" in line]
    assert failed == ["poolcli: in/broken.npy: it is a link to nowhere, which is not there"]
    assert outcome.err.splitlines()[-1] == "poolcli: 3 done, 1 failed"


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("a.npy", "gone", "it is a link to gone, which is not there"),
        ("a.png", "/no/such/place", "it is a link to /no/such/place, which is not there"),
        ("a.txt", "gone", "it is a link to gone, which is not there"),
        ("a.npy", "a.npy", "Too many levels of symbolic links"),
        ("README", "gone", None),
        ("a.md", "a.md", None),
        (".a.npy", "gone", None),
    ],
)
def test_a_link_that_leads_nowhere_is_an_input_by_its_name(
    poolcli: Run, name: str, target: str, said: str | None
) -> None:
    save(Path("in", "z.npy"))
    Path("in", name).symlink_to(target)
    for dry in ([], ["--dry-run"]):
        outcome = poolcli("avg", "-k", 2, "in", "-o", "out/", "--overwrite", *dry)
        complaints = [line for line in outcome.err.splitlines() if f"in/{name}" in line]
        assert complaints == ([f"poolcli: in/{name}: {said}"] if said else [])
        assert outcome.code == (1 if said else 0)
    assert sorted(planes("out")) == ["z.npy"]


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Between finding the inputs and opening them, and between that and reading the header."""
    for source in batch.find_inputs(["in", str(save(Path("in", "a.npy")))]):
        Path("in", "a.npy").unlink()
        os.mkfifo("in/a.npy")
        with pytest.raises(InputError, match="it is a pipe or a device by now"):
            next(source.read())
        with pytest.raises(InputError, match="it is a pipe"):
            next(formats.describe_file(str(source.path)))
        Path("in", "a.npy").unlink()
        save(Path("in", "a.npy"))


@pytest.mark.parametrize("options", [[], ["-j", "1"], ["--dry-run"]])
def test_files_that_become_pipes_while_a_batch_is_at_work(options: list[str]) -> None:
    fill(Path("in"), 4)
    program = (
        "import os\n"
        "from poolcli import batch\n"
        "from poolcli.cli import main, runner\n"
        "def assign(*arguments, assign=batch.assign):\n"
        "    jobs = assign(*arguments)\n"
        "    os.unlink('in/in000.npy')\n"
        "    os.mkfifo('in/in000.npy')\n"
        "    return jobs\n"
        "batch.assign = assign\n"
        f"main(['avg', '-k', '2', 'in', '-o', 'out/', *{options}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "poolcli: in/in000.npy: it is a pipe" in done.stderr
    assert Path("out").exists() == (options != ["--dry-run"])
    if options != ["--dry-run"]:
        assert sorted(contents(Path("out"))) == ["in001.png", "in002.jpg", "in003.csv"]


@pytest.mark.parametrize("pattern", [False, True])
def test_a_thousand_levels_of_folders(pattern: bool) -> None:
    depth = 1000
    here = os.getcwd()
    try:
        os.mkdir("in")
        os.chdir("in")
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        np.save("a.npy", np.eye(4))
        os.chdir(here)
        given = ["in/**/*.npy"] if pattern else ["in", "-r"]
        done = finished("avg", "-k", 2, *given, "-o", "out/")
        assert done.code == 0, done.err
        assert (np.load("out" + "/d" * depth + "/a.npy") == np.eye(2) / 2).all()
    finally:
        os.chdir(here)
        # Neither pytest nor shutil removes what is so deep.
        subprocess.run(["rm", "-rf", "in", "out"], check=True)


def test_what_is_no_regular_file_is_not_opened() -> None:
    save(Path("in", "a.npy"))
    os.mkfifo("in/pipe.npy")
    Path("in", "null.npy").symlink_to("/dev/null")
    Path("in", "endless.npy").symlink_to("/dev/zero")
    done = finished("avg", "-k", 2, "in", "-o", "out/")
    assert (done.code, sorted(planes("out"))) == (0, ["a.npy"])


@pytest.mark.parametrize("options", [[], ["-r"]])
def test_a_folder_in_which_nothing_matches(poolcli: Run, options: list[str]) -> None:
    Path("in", "deep").mkdir(parents=True)
    Path("in", "deep", "README.md").write_text("# 1 2 3")
    code, _, err = poolcli("avg", "-k", 2, *options, "in", "-o", "out/")
    where = "in or below this folder" if options else "in this folder"
    assert code == 1
    assert f"poolcli: in: no file {where} can be pooled" in err.splitlines()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_is_closed(poolcli: Run) -> None:
    save(Path("in", "a.npy"))
    Path("in", "closed").mkdir(mode=0)
    outcome = poolcli("avg", "-k", 2, "-r", "in", "-o", "out/")
    assert (outcome.code, sorted(planes("out"))) == (1, ["a.npy"])
    assert "poolcli: in/closed: Permission denied\n" in outcome.err


@pytest.mark.parametrize("options", [[], ["-r"]])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("in/**/*.npy", ["a.npy", "x/b.npy", "x/y/c.npy"]),
        ("in/**/x/**/*.npy", ["x/b.npy", "x/y/c.npy"]),
        ("in/**/y/*", ["x/y/c.npy"]),
        ("in/**", ["a.npy", "x/b.npy", "x/y/c.npy"]),
        ("i*/x/**/[bc].npy", ["b.npy", "y/c.npy"]),
        ("**/c.npy", ["in/x/y/c.npy"]),
        ("in/x**/*.npy", ["b.npy"]),  # which is no depth, as in a shell
    ],
)
def test_globs_for_all_depths(
    poolcli: Run, pattern: str, expected: list[str], options: list[str]
) -> None:
    for place in ("in/a.npy", "in/x/b.npy", "in/x/y/c.npy", "in/.hidden/d.npy"):
        save(Path(place))
    outcome = poolcli("avg", "-k", 2, pattern, *options, "-o", "out/")
    assert outcome.code == 0, outcome.err
    assert sorted(planes("out")) == expected


def test_globs_end_in_loops_and_leave_the_outputs_out(poolcli: Run) -> None:
    save(Path("in", "x", "a.npy"))
    Path("in", "one").symlink_to(".")
    Path("in", "two").symlink_to(".")
    for _ in range(2):
        arguments = ("avg", "-k", 2, "in/**/*.npy", "-r", "-o", "in/small/", "--overwrite")
        assert poolcli(*arguments).code == 0
    assert sorted(planes("in")) == ["small/x/a.npy", "x/a.npy"]


@pytest.mark.parametrize("how", ["named", "listed"])
@pytest.mark.parametrize(
    ("name", "said"), [("no/", "No such file or directory"), ("a.npy/", "Not a directory")]
)
def test_a_folder_that_is_none(poolcli: Run, how: str, name: str, said: str) -> None:
    save(Path("a.npy"))
    Path("list").write_text(name)
    given = [name] if how == "named" else ["--files-from", "list"]
    outcome = poolcli("avg", "-k", 2, *given, "-o", "out/")
    assert (outcome.code, outcome.err) == (1, f"poolcli: {name}: {said}\n")


@pytest.mark.parametrize(
    ("output", "options", "refused"),
    [
        ("in", [], True),
        ("in/", ["--to", "png"], True),
        ("in/../in/", [], True),
        ("in/small/", ["-r"], True),
        (".", ["-r"], True),
        ("in/small/", [], False),
        ("in-small/", ["-r"], False),
    ],
)
def test_folders_that_overlap(poolcli: Run, output: str, options: list[str], refused: bool) -> None:
    save(Path("in", "a.npy"))
    save(Path("in", "deep", "b.npy"))
    before = contents(Path("in"))
    code, _, err = poolcli("avg", "-k", 2, "in", "-o", output, *options)
    assert code == (2 if refused else 0), err
    if refused:
        assert "overlaps the input folder in; choose another folder" in err
        assert contents(Path("in")) == before


def test_an_output_folder_inside_is_not_an_input(poolcli: Run) -> None:
    save(Path("in", "a.npy"))
    for _ in range(2):
        assert poolcli("avg", "-k", 2, "-r", "in", "-o", "in/small/", "--overwrite").code == 0
    assert planes("in") == {"a.npy": [16, 16, 3], "small/a.npy": [8, 8, 3]}


def test_in_place_when_told(poolcli: Run) -> None:
    fill(Path("in"), 7)
    assert poolcli("avg", "-k", 2, "in", "-o", "in", "--overwrite").code == 0
    assert np.load("in/in000.npy").shape == (8, 8, 3)
    np.testing.assert_array_equal(np.load("in/in000.npy")[0, 0], pixels(0)[:2, :2].mean((0, 1)))
