"""Make `nodes.json` and `nodes.npz` from the pooling tests that the onnx package ships.

Run by hand, in an environment of its own; the tests do not need onnx:

    pip install onnx==1.22.0
    python -m tests.data.make_nodes

Most of the bytes would be inputs made by NumPy's legacy `randn` and the outputs of three large
cases. Of the former only the place in the stream is stored, where that gives every bit; of the
latter every `THINNING`-th cell (`make parity` compares all of them).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.elsewhere.onnx_nodes import DATA, Node, randn

LARGE, THINNING = 20_000, 23


def package_nodes() -> Iterator[Node]:
    """Every single-node pooling test of the installed onnx package."""
    folder = Path(os.path.dirname(onnx.__file__), "backend", "test", "data", "node")
    for case in sorted(folder.glob("*pool*")):
        (node,) = onnx.load(case / "model.onnx").graph.node
        attributes = {a.name: plain(helper.get_attribute_value(a)) for a in node.attribute}
        (data,) = case.glob("test_data_set_*")
        name = case.name.removeprefix("test_")
        yield Node(name, node.op_type, attributes, tensors(data, "input"), tensors(data, "output"))


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, int) else list(value)


def tensors(data: Path, what: str) -> list[np.ndarray]:
    names = sorted(data.glob(f"{what}_*.pb"))
    return [numpy_helper.to_array(onnx.load_tensor(name)) for name in names]


def main() -> None:
    arrays: dict[str, np.ndarray] = {}
    cases = []

    def stored(x: np.ndarray, thin: bool) -> dict[str, Any]:
        how: dict[str, Any] = {"shape": list(x.shape)}
        for skipped in range(4):
            if np.array_equal(x, randn(x.shape, skipped)):
                return {**how, "randn": skipped}
        if thin and x.size > LARGE:
            how["step"] = THINNING
            x = x.ravel()[::THINNING]
        same = (k for k, a in arrays.items() if a.dtype == x.dtype and np.array_equal(a, x.ravel()))
        name = next(same, f"a{len(arrays)}")
        arrays[name] = x.ravel()
        return {**how, "array": name}

    for node in package_nodes():
        case = {"name": node.name, "op": node.op, "attributes": node.attributes}
        case["inputs"] = [stored(x, thin=False) for x in node.inputs]
        case["outputs"] = [stored(x, thin=True) for x in node.outputs]
        cases.append(json.dumps(case))
    np.savez_compressed(DATA / "nodes.npz", **arrays)
    text = ",\n".join(cases)
    (DATA / "nodes.json").write_text(
        f'{{"onnx": "{onnx.__version__}",\n"cases": [\n{text}\n]}}\n', encoding="utf-8"
    )
    print(f"{len(cases)} cases, {len(arrays)} arrays")


if __name__ == "__main__":
    main()
