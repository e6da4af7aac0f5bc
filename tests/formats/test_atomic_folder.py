"""Folders as outputs: as files they are as they were or complete, and nothing is left otherwise."""

import os

import pytest

from poolcli.errors import OutputError
from poolcli.formats import atomic
from poolcli.formats.atomic import atomic_folder, sweep


def is_store(path):
    return os.path.exists(os.path.join(path, "store.json"))


def fill(path, text="new"):
    for name in ("store.json", "chunk"):
        with open(os.path.join(path, name), "w") as file:
            file.write(text)


def make(path, **how):
    with atomic_folder(str(path), is_store, **how) as folder:
        fill(folder)


def test_a_folder_appears_when_it_is_complete(tmp_path):
    told = []
    with atomic_folder(str(tmp_path / "x"), is_store, ready=told.append) as folder:
        fill(folder)
        assert not (tmp_path / "x").exists()
    assert len(told) == 1
    assert (tmp_path / "x" / "chunk").read_text() == "new"
    assert os.listdir(tmp_path) == ["x"]


def make_and_fail(path):
    with atomic_folder(str(path), is_store) as folder:
        fill(folder)
        raise InterruptedError


def test_nothing_is_left_of_a_failure(tmp_path):
    with pytest.raises(InterruptedError):
        make_and_fail(tmp_path / "x")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("exchange", [True, False])
def test_it_takes_the_place_of_a_store(tmp_path, exchange, monkeypatch):
    if not exchange:
        monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    (tmp_path / "x").mkdir()
    fill(tmp_path / "x", "old")
    (tmp_path / "x" / "more").touch()
    with pytest.raises(OutputError, match="it exists"):
        make(tmp_path / "x")
    make(tmp_path / "x", overwrite=True)
    assert sorted(os.listdir(tmp_path / "x")) == ["chunk", "store.json"]
    assert (tmp_path / "x" / "chunk").read_text() == "new"
    assert os.listdir(tmp_path) == ["x"]


def test_it_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "x").touch()
    make(tmp_path / "x", overwrite=True)
    assert (tmp_path / "x").is_dir()


def test_no_other_folder_is_replaced(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "letter").touch()
    with pytest.raises(OutputError, match="a folder of something else"):
        make(tmp_path / "x", overwrite=True)
    with pytest.raises(OutputError, match="there is no folder"):
        make(tmp_path / "y" / "x")
    assert os.listdir(tmp_path / "x") == ["letter"]


def test_one_that_appears_meanwhile_stays(tmp_path):
    with pytest.raises(OutputError, match="it exists"):
        make(tmp_path / "x", ready=lambda _: (tmp_path / "x").mkdir())
    assert os.listdir(tmp_path) == ["x"]


def test_what_a_killed_run_left_is_swept(tmp_path):
    with atomic_folder(str(tmp_path / "x"), is_store) as folder:
        fill(folder)
        assert sweep(str(tmp_path)) == 0  # it has an owner
        left = tmp_path / f".poolcli-{atomic.own_name()}.tmp"
        left.mkdir()
        fill(left)
        assert sweep(str(tmp_path)) == 1
    assert os.listdir(tmp_path) == ["x"]


def test_the_end_removes_it(tmp_path, monkeypatch):
    folder = tmp_path / f".poolcli-{atomic.own_name()}.tmp"
    folder.mkdir()
    fill(folder)
    monkeypatch.setattr(atomic, "unfinished", {str(folder)})
    monkeypatch.setattr(atomic, "_is_over", False)
    atomic.abandon()
    assert os.listdir(tmp_path) == []
