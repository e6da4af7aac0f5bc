"""The single-node pooling tests of the onnx package, and the command line that each is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[1] / "data"
OPS = {"MaxPool": "max", "AveragePool": "avg", "LpPool": "lp"}
WORDS = {"SAME_UPPER": "same", "SAME_LOWER": "same-lower", "VALID": "valid"}


@dataclass(frozen=True)
class Node:
    """One operator with its attributes, inputs and expected outputs.

    Of an output with a step s > 1 in `steps` only every s-th cell is known, in C order.
    """

    name: str
    op: str
    attributes: dict[str, Any]
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    shapes: tuple[tuple[int, ...], ...] = ()
    steps: tuple[int, ...] = ()

    def command(self) -> list[str]:
        """The arguments that ask poolcli for this, of x.npy (and i.npy) to y.npy."""
        given = dict(self.attributes)
        if self.op.startswith("Global"):
            words = ["global", "avg" if "Average" in self.op else "max", "--keepdims"]
        elif self.op == "MaxUnpool":
            words = ["unpool"]
        else:
            words = [OPS[self.op]]
        words += ["--like", "onnx", *self.layout()]
        if "kernel_shape" in given:
            words += ["--size", by_axis(given.pop("kernel_shape"))]
        for name, option in (("strides", "--stride"), ("dilations", "--dilation")):
            if name in given:
                words += [option, by_axis(given.pop(name))]
        words += padding(given)
        if given.pop("ceil_mode", 0):
            words.append("--ceil")
        if given.pop("count_include_pad", 0):
            words.append("--count-include-pad")
        if "p" in given:
            words += ["--norm", str(given.pop("p"))]
        given.pop("storage_order", 0)  # of the indices; see the test
        assert not given, f"attributes without an option: {given}"
        words += self.files()
        return words

    def layout(self) -> list[str]:
        """Three axes are CHW to most people, but one operator's input is always a batch."""
        return ["--layout", "NCW"] if self.inputs[0].ndim == 3 else []

    def files(self) -> list[str]:
        words = ["x.npy", "--output", "y.npy"]
        if self.op == "MaxUnpool":
            words += ["--indices", "i.npy"]
            if len(self.inputs) > 2:
                words += ["--output-size", by_axis(self.inputs[2][2:].tolist())]
        elif len(self.outputs) > 1:
            words += ["--indices", "i.npy"]
        return words


def by_axis(numbers: list[int]) -> str:
    return "x".join(map(str, numbers))


def padding(given: dict[str, Any]) -> list[str]:
    word = given.pop("auto_pad", "NOTSET")
    if word != "NOTSET":
        return ["--padding", WORDS[word]]
    if "pads" not in given:
        return []
    pads = given.pop("pads")
    axes = len(pads) // 2
    pairs = zip(pads[:axes], pads[axes:], strict=True)
    return ["--padding", ",".join(f"{before}:{after}" for before, after in pairs)]


def randn(shape: tuple[int, ...], skipped: int) -> np.ndarray:
    """NumPy's legacy stream, which it keeps for ever: after `seed(0)` and arrays as large."""
    stream = np.random.RandomState(0)
    for _ in range(skipped):
        stream.randn(*shape)
    return stream.randn(*shape).astype(np.float32)


def read_nodes() -> list[Node]:
    """The committed tests."""
    cases = json.loads((DATA / "nodes.json").read_text(encoding="utf-8"))["cases"]
    with np.load(DATA / "nodes.npz") as file:
        arrays = dict(file)

    def read(how: dict[str, Any]) -> np.ndarray:
        if "randn" in how:
            return randn(tuple(how["shape"]), how["randn"])
        array = arrays[how["array"]]
        return array if "step" in how else array.reshape(how["shape"])

    return [
        Node(
            case["name"],
            case["op"],
            case["attributes"],
            [read(how) for how in case["inputs"]],
            [read(how) for how in case["outputs"]],
            tuple(tuple(how["shape"]) for how in case["outputs"]),
            tuple(how.get("step", 1) for how in case["outputs"]),
        )
        for case in cases
    ]
