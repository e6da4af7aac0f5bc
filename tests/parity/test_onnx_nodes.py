"""The onnx package's own pooling tests, all cells of them, are those that tests/data has."""

from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("onnx") is None:
    pytest.skip("onnx is not installed; make parity installs it", allow_module_level=True)

from poolcli.cli.main import main
from tests.data.make_nodes import package_nodes
from tests.elsewhere.onnx_nodes import Node, read_nodes
from tests.parity.verdict import compared

NODES = list(package_nodes())


def test_the_committed_ones_are_those_of_the_package():
    for ours, theirs in zip(read_nodes(), NODES, strict=True):
        assert (ours.name, ours.op, ours.attributes) == (theirs.name, theirs.op, theirs.attributes)
        for a, b in zip(ours.inputs, theirs.inputs, strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b, step in zip(ours.outputs, theirs.outputs, ours.steps, strict=True):
            np.testing.assert_array_equal(a, b if step == 1 else b.ravel()[::step])


LARGE = [node for node in NODES if max(y.size for y in node.outputs) > 20_000]


@pytest.mark.parametrize("node", LARGE, ids=lambda node: node.name)
def test_every_cell_of_the_large_ones(node: Node, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", node.inputs[0])
    with pytest.raises(SystemExit) as end:
        main([*node.command(), "--quiet"])
    assert end.value.code == 0
    compared["the onnx package's own tests"] += 1
    np.testing.assert_allclose(np.load("y.npy"), node.outputs[0], rtol=1e-5, atol=1e-6)
