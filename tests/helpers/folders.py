"""Folders of small inputs, and what is in folders."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np

# Of what kinds a batch may be; each can be averaged with windows of 2x2.
KINDS = (".npy", ".png", ".jpg", ".csv", ".npz", ".tif", ".gif")
NOTES = ".poolcli"


def pixels(number: int, side: int = 16) -> np.ndarray:
    """Give a colour picture of its own for each number."""
    y, x = np.mgrid[:side, :side]
    return np.stack([x * 3 + number, y * 5 + number, x * y], axis=-1).astype(np.uint8)


def save(path: Path, number: int = 0, side: int = 16) -> Path:
    """Write a small input of the kind that its extension says."""
    array = pixels(number, side)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array.astype(np.float32))
    elif path.suffix == ".npz":
        np.savez(path, a=array, b=array[..., 0])
    elif path.suffix == ".csv":
        np.savetxt(path, array[..., 0], fmt="%d", delimiter=",")
    else:
        imageio.imwrite(path, array)
    return path


def fill(folder: Path, count: int, side: int = 16) -> list[Path]:
    """Write inputs of all kinds."""
    return [
        save(folder / f"in{number:03}{KINDS[number % len(KINDS)]}", number, side)
        for number in range(count)
    ]


def contents(folder: Path) -> dict[str, bytes]:
    """Give the bytes of everything in and below a folder but the manifest, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and NOTES not in path.relative_to(folder).parts
    }


def notes(folder: Path | str) -> list[Path]:
    """Give the files of an output folder's manifest: one for each run that has made something."""
    return sorted(Path(folder, NOTES).glob("*"))
