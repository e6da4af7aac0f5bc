"""The onnx package's single-node pooling tests, through the command line with --like onnx."""

import signal

import numpy as np
import pytest

from poolcli.cli.main import main
from tests.elsewhere.differences import NODE_DIFFERENCES
from tests.elsewhere.onnx_nodes import Node, read_nodes

NODES = read_nodes()
# Its expected numbers are written with four decimals.
FOUR_DECIMALS = "averagepool_2d_ceil_last_window_starts_on_pad"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a node's command in an empty folder; give what it wrote."""
    monkeypatch.chdir(tmp_path)
    for name in ("POOLCLI_LAYOUT", "POOLCLI_LIKE", "POOLCLI_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def run(node: Node, command: list[str] | None = None) -> list[np.ndarray]:
        np.save("x.npy", node.inputs[0])
        if node.op == "MaxUnpool":
            np.save("i.npy", node.inputs[1])
        with pytest.raises(SystemExit) as end:
            main([*(node.command() if command is None else command), "--quiet", "--overwrite"])
        assert end.value.code == 0
        return [np.load(name) for name in ("y.npy", "i.npy")[: len(node.outputs)]]

    yield run
    signal.signal(signal.SIGTERM, handler)


def assert_same(got, expected, shape=None, step=1, atol=1e-6):
    assert got.dtype == expected.dtype
    assert got.shape == (expected.shape if shape is None else shape)
    known = got.ravel()[::step] if step > 1 else got
    if expected.dtype.kind in "iu":
        np.testing.assert_array_equal(known, expected)
    else:
        np.testing.assert_allclose(known, expected, rtol=1e-5, atol=atol)


@pytest.mark.parametrize(
    "node", [n for n in NODES if n.name not in NODE_DIFFERENCES], ids=lambda n: n.name
)
def test_node(run, node):
    atol = 0.6e-4 if node.name == FOUR_DECIMALS else 1e-6
    for got, expected, shape, step in zip(
        run(node), node.outputs, node.shapes, node.steps, strict=True
    ):
        assert_same(got, expected, shape, step, atol)


def named(name):
    assert name in NODE_DIFFERENCES
    return next(node for node in NODES if node.name == name)


def test_indices_counted_down_the_columns(run):
    """The same winners: only the numbers of their places are those of storage_order 1."""
    node = named("maxpool_with_argmax_2d_precomputed_strides")
    y, indices = run(node)
    assert_same(y, node.outputs[0])
    rows, columns = node.inputs[0].shape[-2:]
    row, column = np.divmod(indices, columns)
    np.testing.assert_array_equal(column * rows + row, node.outputs[1])


def test_unpool_into_another_size(run):
    """As onnxruntime: the indices count the cells of the output that is asked for."""
    node = named("maxunpool_export_with_output_shape")
    expected = np.zeros(node.shapes[0], np.float32)
    expected.flat[node.inputs[1].ravel()] = node.inputs[0].ravel()
    (got,) = run(node)
    assert_same(got, expected)
    # What the test expects is the natural size, padded afterwards.
    command = node.command()
    at = command.index("--output-size")
    (natural,) = run(node, command[:at] + command[at + 2 :])
    assert_same(np.pad(natural, [(0, 0), (0, 0), (0, 1), (0, 1)]), node.outputs[0])


def test_every_test_of_the_package_is_here():
    assert len(NODES) == 53
    assert {node.op for node in NODES} == {
        "MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "MaxUnpool",
    }  # fmt: skip
