"""What people type who know another program: understood, or answered with what is meant."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8))
    np.savetxt("-dash.csv", np.eye(4), delimiter=",")
    for name in ("a", "b", ".hidden"):
        (tmp_path / "many" / name).mkdir(parents=True)
        np.savetxt(tmp_path / "many" / name / "t.csv", np.eye(4))
    np.savetxt(tmp_path / "many" / "t.csv", np.eye(4))
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--ceil-mode", "--ceil"),
        ("--return-indices", "--indices"),
        ("--kernel_size", "--kernel-size"),
        ("--data-format", "--layout"),
        ("--strides", "--stride"),
    ],
)
def test_options_of_frameworks(poolcli, folder, typed, meant):
    done = poolcli("max", "-k", "2", typed, "x.npy")
    assert done.code == 2
    assert f"No such option: {typed}; did you mean {meant}?" in done.err


@pytest.mark.parametrize(
    ("word", "shape"), [("channels_first", (2, 3, 4, 4)), ("Channels-Last", (2, 1, 4, 8))]
)
def test_layouts_as_keras_names_them(poolcli, folder, word, shape):
    done = poolcli("max", "-k", "2", "--layout", word, "x.npy", "-o", "y.npy")
    assert done.code == 0, done.err
    assert np.load("y.npy").shape == shape


def test_a_file_that_begins_with_a_hyphen(poolcli, folder):
    done = poolcli("avg", "-k", "2", "-dash.csv")
    assert done.code == 2
    assert "poolcli … -- -dash.csv" in done.err
    assert poolcli("avg", "-k", "2", "--", "-dash.csv").code == 0
    assert "--" not in poolcli("avg", "-k", "0", "x.npy").err.replace("--size", "")


def test_memory_without_a_unit(poolcli, folder):
    done = poolcli("max", "-k", "2", "--layout", "NCHW", "--max-memory", "100", "x.npy")
    assert "--max-memory 100 is 100 bytes; 100M is as many megabytes" in done.err
    done = poolcli("max", "-k", "2", "--layout", "NCHW", "--max-memory", "100M", "x.npy")
    assert "bytes" not in done.err


def test_sub_folders_that_are_left_out(poolcli, folder):
    done = poolcli("max", "-k", "2", "many")
    assert "many: 2 sub-folders left out; -r takes what is below, too" in done.err
    assert "sub-folder" not in poolcli("max", "-k", "2", "-r", "many").err
    assert "sub-folder" not in poolcli("max", "-k", "2", "-q", "many").err
    assert "many/a: " not in poolcli("max", "-k", "2", "many/a").err
