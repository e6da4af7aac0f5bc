"""--mask FILE: arrays, pictures, archives and pipes, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from poolcli import adaptive_pool, pool


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    mask = np.zeros((8, 8), np.uint8)
    mask[:, :3] = 255
    np.save("x.npy", x)
    np.save("f.npy", x.astype("f4"))
    np.save("m.npy", mask)
    np.save("small.npy", mask[:4])
    np.savez("m.npz", a=mask, b=mask)
    np.savetxt("m.csv", mask, fmt="%d", delimiter=",")
    Image.fromarray(mask).save("m.png")
    Image.fromarray(np.stack([x, 255 - x, x // 2], -1)).save("x.png")
    return tmp_path


@pytest.mark.parametrize("mask", ["m.npy", "m.png", "m.csv", "m.npz:a"])
def test_masks_of_every_format(poolcli, folder, mask):
    done = poolcli("max", "-k", "4", "--mask", mask, "x.npy", "-o", "y.npy")
    assert done.code == 0, done.err
    wanted = pool(np.load("x.npy"), "max", 4, mask=np.load("m.npy"))
    np.testing.assert_array_equal(np.load("y.npy"), wanted)
    assert "masked" in done.err


def test_pictures_have_one_mask_for_all_channels(poolcli, folder):
    assert poolcli("avg", "-k", "4", "--mask", "m.png", "x.png", "-o", "y.png").code == 0
    x = np.asarray(Image.open("x.png"))
    wanted = pool(x, "avg", 4, mask=np.load("m.npy"), dtype="u1", fit="round")
    np.testing.assert_array_equal(np.asarray(Image.open("y.png")), wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("max -k 2 --mask m.npy x.npy", "height 0, width 0 has masked cells alone; say --nodata"),
        ("max -k 2 --mask small.npy x.npy", "the shape of the mask is 4x8"),
        ("max -k 2 --mask none.npy x.npy", "none.npy: No such file"),
        ("max -k 2 --mask m.npz x.npy", "m.npz: holds several arrays; name one"),
        ("max -k 2 --mask . x.npy", "--mask takes one file"),
    ],
)
def test_what_is_refused(poolcli, folder, options, message):
    done = poolcli(*options.split(), "-o", "y.npy")
    assert done.code in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (folder / "y.npy").exists()


def test_resume_sees_another_mask(poolcli, folder):
    command = ("max", "-k", "4", "--mask", "m.npy", "x.npy", "-o", "out/", "--resume")
    (folder / "out").mkdir()
    assert poolcli(*command).code == 0
    assert poolcli(*command).code == 0
    np.save("m.npy", np.load("m.npy").T)
    done = poolcli(*command)
    assert done.code == 2
    assert "holds results of other options (mask" in done.err


def test_weights_of_every_format(poolcli, folder):
    weights = np.load("m.npy").astype("f8") / 255 + 1
    np.save("w.npy", weights)
    np.savetxt("w.csv", weights, delimiter=",")
    for name in ("w.npy", "w.csv"):
        done = poolcli("avg", "-k", "4", "--weights", name, "f.npy", "-o", "y.npy", "--overwrite")
        assert done.code == 0, done.err
        wanted = pool(np.load("f.npy"), "avg", 4, weights=weights)
        np.testing.assert_array_equal(np.load("y.npy"), wanted)
        assert "weighted" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("max -k 2 --weights m.npy x.npy", "No such option: --weights"),
        ("avg -k 2 --weights small.npy x.npy", "the shape of the weights is 4x8"),
        ("avg -k 2 --weights none.npy x.npy", "none.npy: No such file"),
        ("avg -k 2 --divisor 3 --weights m.npy x.npy", "weights are what is divided by"),
        ("avg -k 2 --weights . x.npy", "--weights takes one file"),
    ],
)
def test_weights_that_are_refused(poolcli, folder, options, message):
    done = poolcli(*options.split(), "-o", "y.npy")
    assert done.code in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (folder / "y.npy").exists()


def test_areas_streamed_and_as_pictures(poolcli, folder):
    x = np.asarray(Image.open("x.png"))
    command = ("adaptive", "avg", "--output-size", "5x3", "--by-area")
    assert poolcli(*command, "x.png", "-o", "y.png").code == 0
    wanted = pool_areas(x, dtype="u1", fit="round")
    np.testing.assert_array_equal(np.asarray(Image.open("y.png")), wanted)
    large = np.random.default_rng(1).random((900, 700, 3), np.float32)
    np.save("large.npy", large)
    assert poolcli(*command, "large.npy", "-o", "z.npy").code == 0
    np.testing.assert_array_equal(np.load("z.npy"), pool_areas(large))


def pool_areas(x, **options):
    return adaptive_pool(x, "avg", (5, 3), by_area=True, **options)
