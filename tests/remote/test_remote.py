"""Object stores and the web: the same bytes as from files, whole or not at all, in one line."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poolcli import formats
from poolcli.errors import InputError, OutputError, UsageError
from poolcli.formats import remote
from tests.helpers.every import every
from tests.helpers.far import BUCKET, Web
from tests.helpers.folders import NOTES
from tests.helpers.program import PROJECT, Outcome, npy_bytes

Run = Callable[..., Outcome]
S3 = f"s3://{BUCKET}"
X = np.random.default_rng(3).integers(0, 1000, (60, 80)).astype("i4")


KEPT: list[Any] = []


def picture(suffix: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(4).integers(0, 256, (24, 32, 3)).astype("u1")
    Image.fromarray(pixels).save(stream, suffix)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


FILES = {
    "x.npy": npy_bytes(X),
    "f.npy": npy_bytes(np.asfortranarray(X)),
    "a.npz": npz(one=X, two=X[:10]),
    "p.png": picture("png"),
    "p.tif": picture("tiff"),
    "t.csv": b"1,2,3,4\n5,6,7,8\n",
}


def outputs(s3: Any, folder: str) -> list[str]:
    """Give the names of the objects in and below a folder, but for its manifest."""
    names = (name.removeprefix(f"{BUCKET}/{folder}/") for name in s3.find(f"{BUCKET}/{folder}"))
    return sorted(name for name in names if not name.startswith(f"{NOTES}/"))


def local(name: str) -> Path:
    path = Path("here") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(FILES[name])
    return path


def test_s3_gives_and_takes_the_bytes_of_files(s3: Any, poolcli: Run) -> None:
    def check(name: str) -> None:
        s3.pipe_file(f"{BUCKET}/in/{name}", FILES[name])
        expected = Path(f"out-{name}")
        assert poolcli("max", "-k", 2, local(name), "-o", expected, "-q").code == 0
        # From far away to here, from here to there, and from there to there.
        for source, target in (
            (f"{S3}/in/{name}", f"here-{name}"),
            (f"here/{name}", f"{S3}/out/up-{name}"),
            (f"{S3}/in/{name}", f"{S3}/out/{name}"),
        ):
            done = poolcli("max", "-k", 2, source, "-o", target, "-q")
            assert (done.code, done.err) == (0, "")
            there = target.startswith("s3://")
            found = s3.cat_file(target) if there else Path(target).read_bytes()
            assert found == expected.read_bytes()

    every(FILES, check)


def test_a_folder_goes_into_another(s3: Any, poolcli: Run) -> None:
    for name in ("b.npy", "a.npy", "deep/c.npy", ".hidden.npy", "notes.md"):
        s3.pipe_file(f"{BUCKET}/in/{name}", FILES["x.npy"])
    done = poolcli("max", "-k", 2, f"{S3}/in/", "-o", f"{S3}/flat/", "--json")
    assert (done.code, done.err) == (0, "poolcli: 2 done\n")
    records = [json.loads(line) for line in done.text.splitlines()]
    assert {record["label"] for record in records} == {f"{S3}/in/a.npy", f"{S3}/in/b.npy"}
    assert outputs(s3, "flat") == ["a.npy", "b.npy"]
    assert poolcli("max", "-k", 2, f"{S3}/in/", "-r", "-o", f"{S3}/tree/", "-q").code == 0
    expected = ["a.npy", "b.npy", "deep/c.npy"]
    assert outputs(s3, "tree") == expected
    assert poolcli("max", "-k", 2, f"{S3}/in/", "-r", "-o", "local/", "-q").code == 0
    assert sorted(path.name for path in Path("local").rglob("*.npy")) == ["a.npy", "b.npy", "c.npy"]
    done = poolcli("max", "-k", 2, f"{S3}/in/**/*.npy", "-o", f"{S3}/globbed/", "-q")
    assert done.code == 0, done.err
    assert outputs(s3, "globbed") == expected
    assert poolcli("info", f"{S3}/in/[ab].npy").text.count("60x80") == 2
    Path("list").write_text(f"{S3}/in/a.npy\n{S3}/in/deep/\n", encoding="utf-8")
    assert poolcli("info", "--files-from", "list").text.count("60x80") == 2
    assert poolcli("info", f"{S3}/in/a.npy", local("x.npy")).text.count("60x80") == 2


def test_only_what_is_needed_of_a_large_array_comes(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its boxes, near ones as one, whatever way they lie."""
    x = np.arange(3000 * 400, dtype="f8").reshape(3000, 400)
    s3.pipe_file(f"{BUCKET}/x.npy", npy_bytes(x))
    came = []
    real = remote.RangedFile._fetched

    def counting(self: remote.RangedFile, start: int, stop: int) -> bytes:
        came.append(stop - start)
        return real(self, start, stop)

    monkeypatch.setattr(remote.RangedFile, "_fetched", counting)

    def check(box: tuple[tuple[int, int], tuple[int, int]]) -> None:
        (source,) = formats.open_file(f"{S3}/x.npy").sources()
        content: Any = source.content
        came.clear()
        (top, bottom), (left, right) = box
        out = np.empty((bottom - top, right - left))
        content.read_box(box, out)
        np.testing.assert_array_equal(out, x[top:bottom, left:right])
        assert sum(came) <= 2 * 400 * 8 * (bottom - top)
        assert len(came) <= 1 + sum(came) // (1 << 20)

    every([((10, 20), (0, 400)), ((2990, 3000), (3, 5)), ((0, 3000), (100, 101))], check)
    came.clear()
    (info,) = formats.describe_file(f"{S3}/x.npy")
    assert info.shape == (3000, 400)
    assert sum(came) <= remote.AHEAD


def test_an_output_appears_only_when_it_is_whole(
    s3: Any, poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{S3}/out.npy"

    def fail() -> None:
        with formats.atomic_target(path) as file:
            file.write(b"a part of it")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not s3.exists(path)
    # What goes wrong on the way up leaves nothing, however much of it has gone.
    monkeypatch.setattr(remote, "PIECE", 6 << 20)
    real = remote.located

    class Breaking:
        def __init__(self, system: Any) -> None:
            self._system = system

        def __getattr__(self, name: str) -> Any:
            return getattr(self._system, name)

        def open(self, *arguments: Any, **named: Any) -> Any:
            stream = self._system.open(*arguments, **named, block_size=5 << 20)
            write, count = stream.write, [0]

            def once(piece: bytes) -> int:
                count[0] += 1
                if count[0] > 1:
                    raise OSError("the line is cut")
                return int(write(piece))

            stream.write = once
            return stream

    monkeypatch.setattr(
        remote, "located", lambda a: real(a)._replace(system=Breaking(real(a).system))
    )
    large = npy_bytes(np.zeros(13 << 20, "u1"))
    with pytest.raises(OutputError, match="^the line is cut$"), formats.atomic_target(path) as file:
        file.write(large)
    assert not s3.exists(path)


def test_nothing_is_replaced_unless_told(s3: Any, poolcli: Run) -> None:
    source = local("x.npy")
    s3.pipe_file(f"{BUCKET}/out/x.npy", b"old")
    for target in (f"{S3}/out/x.npy", f"{S3}/out/"):
        done = poolcli("max", "-k", 2, source, "-o", target)
        assert done.code == 2
        assert done.err == f"poolcli: {S3}/out/x.npy: exists; --overwrite replaces it\n"
    assert poolcli("max", "-k", 2, source, "-o", f"{S3}/out/", "--skip-existing", "-q").code == 0
    assert s3.cat_file(f"{BUCKET}/out/x.npy") == b"old"
    assert poolcli("max", "-k", 2, source, "-o", f"{S3}/out/", "--overwrite", "-q").code == 0
    assert s3.cat_file(f"{BUCKET}/out/x.npy") == npy_bytes(
        X.reshape(30, 2, 40, 2).max((1, 3)).astype("i4")
    )


def test_somebody_who_was_quicker_keeps_it(s3: Any) -> None:
    path = f"{S3}/out.npy"

    def write() -> None:
        with formats.atomic_target(path) as file:
            file.write(b"ours")
            s3.pipe_file(path, b"theirs")

    with pytest.raises(OutputError, match="it exists"):
        write()
    assert s3.cat_file(path) == b"theirs"


def test_what_was_far_away_is_known_again(s3: Any, poolcli: Run) -> None:
    """A run into a folder here notes ETag and size of its inputs."""
    s3.pipe_file(f"{BUCKET}/in/a.npy", FILES["x.npy"])
    s3.pipe_file(f"{BUCKET}/in/b.npy", FILES["x.npy"])
    command = ("max", "-k", 2, f"{S3}/in/", "-o", "out/", "--json", "--resume")

    def done_anew() -> set[str]:
        done = poolcli(*command)
        assert done.code == 0, done.err
        records = map(json.loads, done.text.splitlines())
        return {record["label"][-5] for record in records if "skipped" not in record}

    assert done_anew() == {"a", "b"}
    assert done_anew() == set()
    s3.pipe_file(f"{BUCKET}/in/b.npy", npy_bytes(X + 1))  # as long as it was
    assert done_anew() == {"b"}


def test_dry_runs_and_positions(s3: Any, poolcli: Run) -> None:
    s3.pipe_file(f"{BUCKET}/x.npy", FILES["x.npy"])
    done = poolcli("max", "-k", 2, f"{S3}/x.npy", "-o", f"{S3}/y.npy", "--dry-run")
    assert done.code == 0, done.err
    assert not s3.exists(f"{BUCKET}/y.npy")
    command = ("max", "-k", 2, f"{S3}/x.npy", "-o", f"{S3}/y.npy")
    assert poolcli(*command, "--indices", f"{S3}/i.npy", "-q").code == 0
    assert s3.exists(f"{BUCKET}/i.npy")
    assert (
        poolcli("max", "-k", 2, local("x.npy"), "--indices", "i.npy", "-o", "y.npy", "-q").code == 0
    )
    assert s3.cat_file(f"{BUCKET}/i.npy") == Path("i.npy").read_bytes()


def test_arrays_of_archives_by_name(s3: Any, poolcli: Run) -> None:
    s3.pipe_file(f"{BUCKET}/a.npz", FILES["a.npz"])
    assert poolcli("info", f"{S3}/a.npz:two").text == f"{S3}/a.npz:two: 10x80 HW int32 (npz)\n"
    s3.pipe_file(f"{BUCKET}/od:d.npy", FILES["x.npy"])
    assert poolcli("info", f"{S3}/od:d.npy").text == f"{S3}/od:d.npy: 60x80 HW int32 (npy)\n"


def test_stores_of_zarr_are_read_chunk_by_chunk(s3: Any, poolcli: Run) -> None:
    import zarr

    # Its connections are of zarr's loop, which ends with the process, and would complain before.
    KEPT.append(remote.for_zarr(S3)[0])
    x = np.arange(64 * 48, dtype="f4").reshape(64, 48)
    for version in (2, 3):
        group = zarr.open_group(f"v{version}.zarr", mode="w", zarr_format=version)
        group.create_array("deep/maps", shape=x.shape, chunks=(16, 16), dtype="f4")[...] = x
        zarr.create_array(f"one{version}.zarr", data=x, chunks=(16, 16), zarr_format=version)
        for name in (f"v{version}.zarr", f"one{version}.zarr"):
            s3.put(name, f"{BUCKET}/in/{name}", recursive=True)
        for source in (f"v{version}.zarr", f"v{version}.zarr:deep/maps", f"one{version}.zarr"):
            for start, target in (("", "here"), (f"{S3}/in/", "there")):
                ends = ("-o", f"{target}.npy", "-q", "--overwrite")
                done = poolcli("max", "-k", 2, start + source, *ends)
                assert (done.code, done.err) == (0, "")
            np.testing.assert_array_equal(np.load("here.npy"), np.load("there.npy"))
    command = ("max", "-k", 2, f"{S3}/in/one3.zarr", f"{S3}/in/one2.zarr", "-o", "out/")
    assert poolcli(*command, "--to", "npy", "--resume", "-q").code == 0
    s3.pipe_file(f"{BUCKET}/in/one3.zarr/c/0/0", s3.cat_file(f"{BUCKET}/in/one3.zarr/c/0/1"))
    done = poolcli(*command, "--to", "npy", "--resume", "--json")
    done_again = [line for line in done.text.splitlines() if "skipped" not in line]
    assert len(done_again) == 1
    assert "one3.zarr" in done_again[0]
    s3.rm(f"{BUCKET}/in/one3.zarr/c/0/0")
    assert "1 of 12 chunks are not there, and hold 0.0" in poolcli(*command[:4]).err
    done = poolcli("info", f"{S3}/in/gone.zarr")
    assert done.code == 1
    assert done.err == f"poolcli: {S3}/in/gone.zarr: there is no such object\n"


# What is asked for; what the one line says.
REFUSED = [
    (f"max -k 2 {S3}/gone.npy", 1, f"{S3}/gone.npy: there is no such object"),
    ("max -k 2 s3://no-such-bucket-here/x.npy", 1, "x.npy: there is no such object"),
    (f"max -k 2 {S3}/nothing/", 1, f"{S3}/nothing/: "),
    (f"max -k 2 {S3}/*.gone", 1, f"{S3}/*.gone: no file that matches can be pooled"),
    (f"max -k 2 {S3}/in", 1, f"{S3}/in: it is a folder; end it with / to pool what is in it"),
    (f"max -k 2 {S3}/in/text.npy", 1, f"{S3}/in/text.npy: "),
    (f"max -k 2 {S3}/in/x.npy:one", 1, "there is no such object"),
    ("max -k 2 ftp://host/x.npy", 1, "addresses with ftp:// are not understood; s3://, gs:// and"),
    ("max -k 2 --matrix 1 -o ftp://host/x.npy", 2, "addresses with ftp:// are not understood"),
    (
        "max -k 1 --matrix 1 -o https://host/x.npy",
        2,
        "it is only read; s3:// and gs:// are written",
    ),
    (f"max -k 1 --matrix 1 -o {S3}/x.zarr", 1, "a folder is written here and not far away"),
    ("max -k 1 --matrix 1 -o s3://no-such-bucket-here/x.npy", 1, "no-such-bucket-here/x.npy: "),
    (f"max -k 1 {S3}/in/ -o {S3}/one.npy", 2, "one file for"),
    (f"max -k 1 {S3}/in/ --scheduler tcp://127.0.0.1:9 -o {S3}/out/", 2, "a cluster shares files"),
    ("max -k 1 https://host/in/", 1, "https://host/in/: the web has no lists"),
]


def test_what_cannot_be_is_refused_in_one_line(s3: Any, poolcli: Run) -> None:
    s3.pipe_file(f"{BUCKET}/in/x.npy", FILES["x.npy"])
    s3.pipe_file(f"{BUCKET}/in/text.npy", b"\x93NUMPY\1\0\xff\xff")

    def check(row: tuple[str, int, str]) -> None:
        line, code, said = row
        done = poolcli(*line.split())
        assert (done.code, done.out) == (code, b""), done.err
        assert said in done.err, done.err
        assert done.err.count("\n") == 1, done.err

    every(REFUSED, check, told=lambda row: row[0])


def test_credentials_are_asked_for_in_one_line(
    s3: Any, poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    remote.forget()
    for arguments in ((f"{S3}/x.npy",), ("--matrix", 1, "-o", f"{S3}/x.npy")):
        done = poolcli("max", "-k", 1, *arguments)
        assert done.code == 1
        assert done.err == f"poolcli: {S3}/x.npy: no credentials: Unable to locate credentials\n"


def test_the_web_is_read_by_ranges(web: Web, poolcli: Run) -> None:
    large = np.arange(1_000_000, dtype="f4").reshape(1000, 1000)
    web.files["/x.npy"] = npy_bytes(large)
    assert poolcli("info", f"{web.address}/x.npy").code == 0
    ranges = [wanted for method, _, wanted in web.asked if method == "GET"]
    assert ranges == ["bytes=1-1", f"bytes=0-{remote.AHEAD - 1}"]  # does it, and its beginning
    assert poolcli("max", "-k", 2, f"{web.address}/x.npy?token=/a", "-o", "out/", "-q").code == 0
    expected = large.reshape(500, 2, 500, 2).max((1, 3))
    np.testing.assert_array_equal(np.load("out/x.npy"), expected)


def test_tiles_come_one_by_one(web: Web, poolcli: Run) -> None:
    import tifffile

    x = np.random.default_rng(6).integers(0, 255, (2048, 1024)).astype("u1")
    tifffile.imwrite("x.tif", x, tile=(256, 256))
    web.files["/x.tif"] = Path("x.tif").read_bytes()
    address = f"{web.address}/x.tif"
    assert poolcli("info", address).text == f"{address}: 2048x1024 HW uint8 (image)\n"
    came = [re.findall(r"\d+", wanted) for _, _, wanted in web.asked if wanted]
    assert sum(int(stop) - int(start) for start, stop in came) <= 4 * remote.AHEAD
    assert poolcli("max", "-k", 2, address, "-o", "y.npy", "-q").code == 0
    np.testing.assert_array_equal(np.load("y.npy"), x.reshape(1024, 2, 512, 2).max((1, 3)))


def test_the_web_without_ranges_is_fetched(web: Web, poolcli: Run) -> None:
    """Also one that says nothing of ranges, and sends all."""
    web.has_ranges = False
    web.files["/large.npy"] = npy_bytes(np.ones((400, 400)))
    assert poolcli("sum", "-k", 400, f"{web.address}/large.npy").text.endswith("160000.0\n")
    for tells_length in (True, False):
        web.tells_length = tells_length
        for name in ("x.npy", "p.png"):
            web.files[f"/{name}"] = FILES[name]
            target = f"{tells_length}-{name}"
            done = poolcli("max", "-k", 2, f"{web.address}/{name}", "-o", target, "-q")
            assert (done.code, done.err) == (0, "")
            assert poolcli("max", "-k", 2, local(name), "-o", "y.npy", "--to", "npy", "-q",
                           "--overwrite").code == 0  # fmt: skip
            assert poolcli("max", "-k", 1, target, "-o", "z.npy", "-q", "--overwrite").code == 0
            np.testing.assert_array_equal(np.load("y.npy"), np.load("z.npy"))


def test_bad_luck_is_tried_again_and_an_end_is_told(
    web: Web, poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0)
    web.files["/x.npy"] = FILES["x.npy"]
    address = f"{web.address}/x.npy"
    web.failures = [503, 503, 503, 503]
    assert poolcli("info", address).code == 0
    for status, said in (
        (404, "there is no such object"),
        (403, "access is denied (403"),
        (500, "500"),
    ):
        web.failures = [status] * 100
        web.asked.clear()
        done = poolcli("info", address)
        assert done.code == 1
        assert done.err.startswith(f"poolcli: {address}: ")
        assert said in done.err
        assert done.err.count("\n") == 1
        assert len(web.asked) <= 4 * remote.TRIES


def test_a_server_that_is_not_there(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0)
    remote.forget()
    done = poolcli("info", "http://127.0.0.1:9/x.npy")
    assert done.code == 1
    assert done.err.startswith("poolcli: http://127.0.0.1:9/x.npy: it cannot be reached: ")
    assert done.err.count("\n") == 1


def test_one_who_does_not_answer(web: Web, poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0)
    monkeypatch.setattr(remote, "ANSWER", 0.05)
    web.delay = 1
    web.files["/x.npy"] = FILES["x.npy"]
    done = poolcli("info", f"{web.address}/x.npy")
    assert (done.code, done.err) == (
        1,
        f"poolcli: {web.address}/x.npy: no answer in time, {remote.TRIES} times\n",
    )


def test_what_changes_while_it_is_read(web: Web) -> None:
    web.files["/x.npy"] = npy_bytes(np.zeros((1000, 1000)))
    (source,) = formats.open_file(f"{web.address}/x.npy").sources()
    web.files["/x.npy"] = web.files["/x.npy"][:300_000]
    with pytest.raises(InputError, match="it has changed, or gives no ranges"):
        _ = source.array


def test_no_room_for_what_must_be_fetched(
    web: Web, monkeypatch: pytest.MonkeyPatch, poolcli: Run
) -> None:
    import shutil

    web.files["/p.png"] = FILES["p.png"]
    free = shutil.disk_usage(".")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
    done = poolcli("max", "-k", 2, f"{web.address}/p.png")
    assert done.code == 1
    assert "or more, and 100 bytes are free in" in done.err


WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from poolcli.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("library", "address"), [("fsspec", "s3://b/x.npy"), ("gcsfs", "gs://b/x.npy")]
)
def test_a_missing_extra_is_named(library: str, address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, library, "max", "-k", "2", address],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"poolcli: {address}: {address[:2]}:// needs {library}, which is not installed; pip"
        " install 'poolcli[cloud]'\n"
    )


def test_addresses_are_told_from_paths(tmp_path: Path) -> None:
    assert formats.is_address("s3://b/x.npy")
    assert not formats.is_address(str(tmp_path))
    with pytest.raises(UsageError, match="are not understood"):
        formats.check_writable("what://x")
